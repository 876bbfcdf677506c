import HTTPServer
import Wire

/// `/admin`: what the operator sees and does. Never any text of a conversation, never a token.
struct AdminService {
  enum Route: Equatable {
    case accounts
    case account(name: String, Command)
    case sessions

    enum Command: String { case enable, disable, reset }

    init?(path: String) {
      switch path {
      case "/admin/accounts": self = .accounts
      case "/admin/sessions": self = .sessions
      default:
        guard path.hasPrefix("/admin/accounts/") else { return nil }
        let parts = path.dropFirst(16).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let command = Command(rawValue: String(parts[1])), let name = PercentEncoding.decode(parts[0])
        else { return nil }
        self = .account(name: name, command)
      }
    }

    var template: String {
      switch self {
      case .accounts: "/admin/accounts"
      case .account(_, let command): "/admin/accounts/{name}/\(command.rawValue)"
      case .sessions: "/admin/sessions"
      }
    }

    var allowed: String {
      switch self {
      case .accounts, .sessions: "GET, HEAD, OPTIONS"
      case .account: "POST, OPTIONS"
      }
    }

    func allows(_ method: HTTPMethod) -> Bool {
      switch self {
      case .accounts, .sessions: method == .get || method == .head
      case .account: method == .post
      }
    }
  }

  let core: GatewayCore

  /// Nil: there is no such account.
  func answer(_ route: Route) -> ByteBuffer? {
    let buffer = ByteBuffer()
    var writer = JSONWriter(buffer)
    switch route {
    case .accounts:
      writer.beginObject()
      writer.key("accounts")
      writer.beginArray()
      for index in core.desk.pool.accounts.indices where !isGone(index) { write(index, to: &writer) }
      writer.endArray()
      writer.endObject()
    case .account(let name, let command):
      guard let index = core.desk.pool.accounts.lastIndex(where: { $0.name == name }), !isGone(index) else { return nil }
      carryOut(command, index)
      write(index, to: &writer)
    case .sessions: writeSessions(to: &writer)
    }
    return buffer
  }

  /// Removed from the configuration, and nothing runs on it any more.
  private func isGone(_ index: AccountPool.AccountIndex) -> Bool {
    core.desk.pool.accounts[index].isDraining && core.desk.pool.accounts[index].inFlight == 0
  }

  private func carryOut(_ command: Route.Command, _ index: AccountPool.AccountIndex) {
    core.log.notice("admin: \(command.rawValue) account \(core.desk.pool.accounts[index].name)")
    core.desk.change { pool, now in
      switch command {
      case .enable: pool.setEnabled(index, true, now: now)
      case .disable: pool.setEnabled(index, false, now: now)
      case .reset: pool.reset(index, now: now)
      }
    }
  }

  private func write(_ index: AccountPool.AccountIndex, to writer: inout JSONWriter) {
    let account = core.desk.pool.accounts[index]
    writer.beginObject()
    func text(_ key: StaticString, _ value: String?) {
      writer.key(key)
      if let value { writer.string(value) } else { writer.null() }
    }
    func number(_ key: StaticString, _ value: Int?) {
      writer.key(key)
      if let value { writer.int(value) } else { writer.null() }
    }
    text("name", account.name)
    text("state", account.stateName)
    text("reason", account.reason)
    number("in_flight", account.inFlight)
    number("capacity", account.capacity)
    number("weight", account.weight)
    text("cooldown_until", account.restsUntil.map(time))
    text("token_expires_at", core.tokens.expiresAt(index).map { Timestamp.text(unixSeconds: $0, milliseconds: 0) })
    number("requests", account.requests)
    number("failures", account.failures)
    text("last_error", account.lastError)
    number("credits", core.credits[index])
    writer.endObject()
  }

  /// A moment on the loop's clock as a time of day.
  private func time(_ moment: UInt64) -> String {
    let seconds = moment > core.loop.now ? Int((moment - core.loop.now) / 1000) : 0
    return Timestamp.text(unixSeconds: Timestamp.unixSeconds + seconds, milliseconds: 0)
  }

  private func writeSessions(to writer: inout JSONWriter) {
    let sessions = core.sessions
    let accounts = core.desk.pool.accounts.indices.filter { !isGone($0) }
    writer.beginObject()
    let numbers: [(StaticString, Int)] = [
      ("live", sessions.table.count), ("leased", core.runningSessions), ("prepared", sessions.reserve.count),
      ("hits", sessions.statistics.hits), ("misses", sessions.statistics.misses), ("replays", sessions.statistics.replays),
      ("expired", sessions.statistics.expired), ("deleted", sessions.janitor.deleted),
    ]
    for (key, value) in numbers {
      writer.key(key)
      writer.int(value)
    }
    writer.key("accounts")
    writer.beginArray()
    for index in accounts {
      writer.beginObject()
      writer.key("name")
      writer.string(core.desk.pool.accounts[index].name)
      writer.key("live")
      writer.int(sessions.table.count(account: index))
      writer.key("prepared")
      writer.int(sessions.reserve.count(account: index))
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
  }
}

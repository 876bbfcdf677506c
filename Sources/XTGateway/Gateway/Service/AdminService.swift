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

  /// Nil: there is no such account. `done` may come later.
  func answer(_ route: Route, _ done: @escaping (ByteBuffer?) -> Void) {
    switch route {
    case .accounts: done(accounts())
    case .account(let name, let command): done(carryOut(command, name))
    case .sessions: core.statusQueries.gather { statuses in done(sessions(held: statuses.reduce(0) { $0 + $1.heldSessions })) }
    }
  }

  private func document(_ write: (inout JSONWriter) -> Void) -> ByteBuffer {
    let buffer = ByteBuffer()
    var writer = JSONWriter(buffer)
    write(&writer)
    return buffer
  }

  // MARK: Accounts

  /// Removed from the configuration, and nothing runs on it any more.
  private static func isGone(_ account: Account) -> Bool { account.isDraining && account.inFlight == 0 }

  private func accounts() -> ByteBuffer {
    let accounts = core.desk.accounts
    return document { writer in
      writer.beginObject()
      writer.key("accounts")
      writer.beginArray()
      for account in accounts where !Self.isGone(account) { write(account, to: &writer) }
      writer.endArray()
      writer.endObject()
    }
  }

  private func carryOut(_ command: Route.Command, _ name: String) -> ByteBuffer? {
    let found = core.desk.read { pool in
      pool.accounts.lastIndex { $0.name == name }.flatMap { Self.isGone(pool.accounts[$0]) ? nil : $0 }
    }
    guard let index = found else { return nil }
    core.log.notice("admin: \(command.rawValue) account \(name)")
    core.desk.change { pool, now in
      switch command {
      case .enable: pool.setEnabled(index, true, now: now)
      case .disable: pool.setEnabled(index, false, now: now)
      case .reset: pool.reset(index, now: now)
      }
    }
    let account = core.desk.read { $0.accounts[index] }
    return document { write(account, to: &$0) }
  }

  private func write(_ account: Account, to writer: inout JSONWriter) {
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
    text("token_expires_at", account.tokenExpiresAt.map { Timestamp.text(unixSeconds: $0, milliseconds: 0) })
    number("requests", account.requests)
    number("failures", account.failures)
    text("last_error", account.lastError)
    number("credits", account.credits)
    writer.endObject()
  }

  /// A moment on the loop's clock as a time of day.
  private func time(_ moment: UInt64) -> String {
    let seconds = moment > core.loop.now ? Int((moment - core.loop.now) / 1000) : 0
    return Timestamp.text(unixSeconds: Timestamp.unixSeconds + seconds, milliseconds: 0)
  }

  // MARK: Sessions

  private func sessions(held: Int) -> ByteBuffer {
    let accounts = core.desk.accounts
    // A copy of the store would be copied again by the next request.
    let (live, prepared, statistics, counts) = core.shared.sessions.withLock { store in
      let counts = (0..<store.reserve.accountCount).map { (store.table.count(account: $0), store.reserve.count(account: $0)) }
      return (store.table.count, store.reserve.count, store.statistics.copy, counts)
    }
    let numbers: [(StaticString, Int)] = [
      ("live", live), ("leased", held), ("prepared", prepared), ("hits", statistics.hits), ("misses", statistics.misses),
      ("replays", statistics.replays), ("expired", statistics.expired), ("deleted", statistics.deleted),
    ]
    return document { writer in
      writer.beginObject()
      Self.write(numbers, to: &writer)
      writer.key("accounts")
      writer.beginArray()
      for (account, count) in zip(accounts, counts) where !Self.isGone(account) {
        writer.beginObject()
        writer.key("name")
        writer.string(account.name)
        Self.write([("live", count.0), ("prepared", count.1)], to: &writer)
        writer.endObject()
      }
      writer.endArray()
      writer.endObject()
    }
  }

  private static func write(_ numbers: [(StaticString, Int)], to writer: inout JSONWriter) {
    for (key, value) in numbers {
      writer.key(key)
      writer.int(value)
    }
  }
}

import EventLoop
import Logging
import XSTech

/// Looks through the accounts' lists for sessions that crashed gateways left behind: when an account is first used, and again as long as there
/// are sessions of other gateways that may turn out to be left behind.
final class LeftoverSweeper {
  private let loop: EventLoop
  private let upstream: UpstreamClient
  private let ownName: String
  private let store: Locked<SessionStore>
  /// After so many seconds untouched a session has no gateway any more.
  private var lifeSeconds: Int
  private var again: UInt64
  private let found: (_ ids: [Int], _ account: AccountPool.AccountIndex) -> Void
  private var isClosed = false
  private var accounts: [AccountPool.AccountIndex: State] = [:]

  private struct State {
    /// nil: not unless something happens.
    var due: UInt64?
    var isRunning = false
  }

  private struct Pass {
    let account: AccountPool.AccountIndex
    let upstreamNow: Int
    var page = 1
    var leftovers: [Int] = []
    var hasOthers = false
  }

  /// More pages than any account can have.
  private static let maxPages = 200

  init(
    loop: EventLoop, upstream: UpstreamClient, configuration: Configuration, ownName: String, store: Locked<SessionStore>,
    found: @escaping (_ ids: [Int], _ account: AccountPool.AccountIndex) -> Void
  ) {
    (self.loop, self.upstream, self.ownName, self.store, self.found) = (loop, upstream, ownName, store, found)
    lifeSeconds = Leftovers.lifeSeconds(configuration)
    again = configuration.sessions.idleMilliseconds
  }

  /// Another idle time-out: who has to look again does so no later than that wants it.
  func configure(_ configuration: Configuration) {
    lifeSeconds = Leftovers.lifeSeconds(configuration)
    again = configuration.sessions.idleMilliseconds
    for (account, state) in accounts { if let due = state.due { accounts[account]?.due = min(due, loop.now + again) } }
  }

  func close() { isClosed = true }

  /// Looks again where it is due.
  func tick() {
    for (account, state) in accounts { if let due = state.due, due <= loop.now, !state.isRunning { sweep(account) } }
  }

  /// Looks now, unless it does already; the upstream's time must be known.
  func sweep(_ account: AccountPool.AccountIndex) {
    let now = loop.now
    guard !isClosed, accounts[account]?.isRunning != true,
      let upstreamNow = store.withLock({ $0.upstreamNow(account: account, now: now) })
    else { return }
    accounts[account, default: State()].isRunning = true
    read(Pass(account: account, upstreamNow: upstreamNow))
  }

  /// Deletes only when all pages are read: a page shifts when something on an earlier one goes.
  private func read(_ pass: Pass) {
    upstream.call(.listSessions(page: pass.page), account: pass.account) { [weak self] outcome in
      guard let self, !isClosed else { return }
      var pass = pass
      guard case .success(let data) = outcome, let list = data.flatMap(SessionPage.init) else {
        pass.hasOthers = true
        return end(pass)
      }
      for entry in list.records where Leftovers.isOthers(name: entry.name, ownName: ownName) {
        if Leftovers.isOld(entry.updated, upstreamNow: pass.upstreamNow, lifeSeconds: lifeSeconds) {
          pass.leftovers.append(entry.id)
        } else {
          pass.hasOthers = true
        }
      }
      pass.page += 1
      if pass.page <= min(list.pages, Self.maxPages), !list.records.isEmpty { read(pass) } else { end(pass) }
    }
  }

  private func end(_ pass: Pass) {
    accounts[pass.account]?.isRunning = false
    accounts[pass.account]?.due = pass.hasOthers ? loop.now + again : nil
    if !pass.leftovers.isEmpty { found(pass.leftovers, pass.account) }
  }
}

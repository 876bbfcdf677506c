import EventLoop
import Logging
import XSTech

/// Looks through the accounts' lists for sessions that crashed gateways left behind: when an account is first used, and again as long as there
/// are sessions of other gateways that may turn out to be left behind.
final class LeftoverSweeper {
  private let loop: EventLoop
  private let upstream: UpstreamClient
  private let ownName: String
  /// After so many seconds untouched a session has no gateway any more.
  private let lifeSeconds: Int
  private let again: UInt64
  private let found: (_ ids: [Int], _ account: AccountPool.AccountIndex) -> Void
  private var isClosed = false
  private var accounts: [AccountPool.AccountIndex: State] = [:]

  private struct State {
    /// The upstream's clock (s) at `at` (ms on the loop's).
    var upstreamTime: Int
    var at: UInt64
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
    loop: EventLoop, upstream: UpstreamClient, configuration: Configuration, ownName: String,
    found: @escaping (_ ids: [Int], _ account: AccountPool.AccountIndex) -> Void
  ) {
    (self.loop, self.upstream, self.ownName, self.found) = (loop, upstream, ownName, found)
    lifeSeconds = Leftovers.lifeSeconds(configuration)
    again = UInt64(configuration.sessions.idleTimeoutSeconds) * 1000
  }

  func close() { isClosed = true }

  /// A session was just made at `updated`: that is the time by the upstream's clock.
  func noteTime(_ updated: String, account: AccountPool.AccountIndex) {
    guard let time = Leftovers.seconds(updated) else { return }
    let isFirst = accounts[account] == nil
    accounts[account, default: State(upstreamTime: time, at: loop.now, due: nil)].upstreamTime = time
    accounts[account]?.at = loop.now
    if isFirst { sweep(account) }
  }

  /// Looks again where it is due.
  func tick() {
    for (account, state) in accounts { if let due = state.due, due <= loop.now, !state.isRunning { sweep(account) } }
  }

  private func sweep(_ account: AccountPool.AccountIndex) {
    guard !isClosed, let state = accounts[account] else { return }
    accounts[account]?.isRunning = true
    read(Pass(account: account, upstreamNow: state.upstreamTime + Int((loop.now - state.at) / 1000)))
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

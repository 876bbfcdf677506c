import EventLoop
import Wire
import XSTech

/// Asks at leisure how many credits the accounts have left: one call at a time, each account once in a while.
public final class CreditsWatch {
  private let loop: EventLoop
  private let upstream: UpstreamClient
  private let desk: AccountDesk
  private var next = 0
  private var isAsking = false
  private lazy var timer = makeTimer()

  /// Between two calls; an account's turn comes after all others'.
  private static let pauseMilliseconds: UInt64 = 15_000
  private static let maxPages = 20

  init(loop: EventLoop, upstream: UpstreamClient, desk: AccountDesk) {
    (self.loop, self.upstream, self.desk) = (loop, upstream, desk)
  }

  func start() { timer.start(after: 1000, repeating: Self.pauseMilliseconds) }
  func close() { timer.close() }

  private func makeTimer() -> LoopTimer {
    let timer = LoopTimer(loop: loop) { [weak self] in self?.askNext() }
    timer.keepsLoopAlive(false)
    return timer
  }

  private func askNext() {
    guard !isAsking else { return }
    let (next, now) = (next, loop.now)
    let turn = desk.read { pool in
      (0..<pool.accounts.count).lazy.map { (next + $0) % pool.accounts.count }.first { pool.accounts[$0].canServe(now) }
    }
    guard let account = turn else { return }
    self.next = account + 1
    isAsking = true
    ask(account, page: 1, sum: 0)
  }

  private func ask(_ account: AccountPool.AccountIndex, page: Int, sum: Int) {
    upstream.call(.plans(page: page), account: account) { [weak self] outcome in
      guard let self else { return }
      // What cannot be learned now may be learned next time; requests tell soon enough when credits are gone.
      guard case .success(let data?) = outcome, let plans = Plans(data) else { return isAsking = false }
      let sum = sum + plans.usable
      if plans.isLast || page >= Self.maxPages {
        desk.change { pool, _ in
          pool.note(account, credits: sum)
          return []
        }
        isAsking = false
      } else {
        ask(account, page: page + 1, sum: sum)
      }
    }
  }
}

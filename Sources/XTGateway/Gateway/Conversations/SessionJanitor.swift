import EventLoop
import Logging
import XSTech

/// Deletes sessions upstream that nobody needs any more: in the background, in batches, one call at a time.
package final class SessionJanitor {
  private let upstream: UpstreamClient
  private let log: Logger
  private var queue = DeletionQueue()
  private var isBusy = false
  private let loop: EventLoop
  private lazy var timer = makeTimer()
  private var whenDone: (() -> Void)?
  package private(set) var deleted = 0

  /// How long discarded sessions are gathered, and so how often a call is made as long as they do not fill it.
  private static let gatherMilliseconds: UInt64 = 250

  package init(loop: EventLoop, upstream: UpstreamClient, log: Logger) {
    (self.loop, self.upstream, self.log) = (loop, upstream, log)
  }

  package func discard(_ session: LiveSession) { discard(id: session.session.id, account: session.account) }

  package func discard(id: Int, account: AccountPool.AccountIndex) {
    queue.add(id: id, account: account)
    guard !isBusy else { return }
    // More may follow soon, and a batch is one call.
    if !timer.isActive || isWaitingLong {
      isWaitingLong = false
      timer.start(after: Self.gatherMilliseconds)
    }
  }

  package var backlog: Int { queue.count }

  /// Calls `done` when nothing is left to delete, or when it is given up.
  package func flush(_ done: @escaping () -> Void) {
    whenDone = done
    queue.isHurried = true
    timer.stop()
    work()
  }

  package func close() {
    timer.close()
    whenDone = nil
  }

  /// The timer waits for an account that refused, and so not on behalf of the others.
  private var isWaitingLong = false

  private func makeTimer() -> LoopTimer {
    let timer = LoopTimer(loop: loop) { [weak self] in self?.work() }
    timer.keepsLoopAlive(false)
    return timer
  }

  private func work() {
    guard !isBusy else { return }
    isWaitingLong = false
    switch queue.next(loop.now) {
    case .nothing:
      let done = whenDone
      whenDone = nil
      done?()
    case .wait(let until):
      isWaitingLong = true
      timer.start(after: max(1, until - loop.now))
    case .batch(let account, let ids):
      isBusy = true
      upstream.call(.deleteSessions(ids: ids), account: account) { [weak self] outcome in
        self?.finished(ids, account: account, outcome)
      }
    }
  }

  private func finished(_ ids: [Int], account: AccountPool.AccountIndex, _ outcome: JSONCall.Outcome) {
    isBusy = false
    switch outcome {
    case .success: noteDeleted(ids, account: account)
    // Somebody else has deleted it.
    case .failure(.sessionLost) where ids.count == 1: noteDeleted(ids, account: account)
    case .failure(let error):
      let givenUp = queue.failed(ids, account: account, loop.now)
      if givenUp > 0 {
        log.warning("\(givenUp) upstream sessions could not be deleted and are left over: \(error.message)")
      } else if queue.failuresInARow(account: account) == DeletionQueue.manyFailures {
        log.warning("upstream sessions cannot be deleted for now: \(error.message)")
      }
    }
    if whenDone == nil && !queue.hasFullBatch { timer.start(after: Self.gatherMilliseconds) } else { work() }
  }

  private func noteDeleted(_ ids: [Int], account: AccountPool.AccountIndex) {
    deleted += ids.count
    queue.deleted(account: account, loop.now)
  }
}

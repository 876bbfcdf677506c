import EventLoop
import Logging
import XSTech

/// Deletes sessions upstream that nobody needs any more: in the background and in batches, at the pace of `DeletionQueue`.
public final class SessionJanitor {
  private let upstream: UpstreamClient
  private let log: Logger
  private var queue = DeletionQueue()
  private let loop: EventLoop
  private lazy var timer = makeTimer()
  /// When the timer fires; `.max`: never.
  private var nextLook = UInt64.max
  private var whenDone: (() -> Void)?
  private let deleted: (_ count: Int) -> Void

  /// - Parameter deleted: hears of sessions that are gone.
  init(loop: EventLoop, upstream: UpstreamClient, log: Logger, deleted: @escaping (_ count: Int) -> Void) {
    (self.loop, self.upstream, self.log, self.deleted) = (loop, upstream, log, deleted)
  }

  public func discard(id: Int, account: AccountPool.AccountIndex) {
    look(at: queue.add(id: id, account: account, loop.now))
  }

  public var backlog: Int { queue.count }

  /// Calls `done` when nothing is left to delete, or when it is given up.
  public func flush(_ done: @escaping () -> Void) {
    whenDone = done
    queue.isHurried = true
    work()
  }

  public func close() {
    timer.close()
    whenDone = nil
  }

  private func makeTimer() -> LoopTimer {
    let timer = LoopTimer(loop: loop) { [weak self] in self?.work() }
    timer.keepsLoopAlive(false)
    return timer
  }

  private func look(at due: UInt64) {
    guard due < nextLook else { return }
    nextLook = due
    timer.start(after: due > loop.now ? due - loop.now : 0)
  }

  private func work() {
    nextLook = .max
    while true {
      switch queue.next(loop.now) {
      case .nothing:
        let done = whenDone
        whenDone = nil
        done?()
        return
      case .busy: return
      case .wait(let until): return look(at: until)
      case .batch(let account, let ids):
        upstream.call(.deleteSessions(ids: ids), account: account) { [weak self] outcome in
          self?.finished(ids, account: account, outcome)
        }
      }
    }
  }

  private func finished(_ ids: [Int], account: AccountPool.AccountIndex, _ outcome: JSONCall.Outcome) {
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
    work()
  }

  private func noteDeleted(_ ids: [Int], account: AccountPool.AccountIndex) {
    deleted(ids.count)
    queue.deleted(account: account, loop.now)
  }
}

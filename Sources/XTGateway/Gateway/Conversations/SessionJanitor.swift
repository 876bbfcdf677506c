import EventLoop
import Logging
import XSTech

/// Deletes sessions upstream that nobody needs any more: in the background, in batches, one call at a time.
package final class SessionJanitor {
  private let upstream: UpstreamClient
  private let log: Logger
  private var waiting: [AccountPool.AccountIndex: [Int]] = [:]
  private var isBusy = false
  private var failuresInARow = 0
  private let loop: EventLoop
  private lazy var timer = makeTimer()
  private var whenDone: (() -> Void)?
  package private(set) var deleted = 0

  /// Session numbers in one call; the query stays far below any limit on a URL's length.
  private static let batchSize = 50
  private static let maxFailures = 5
  /// How long discarded sessions are gathered, and so how often a call is made at most.
  private static let gatherMilliseconds: UInt64 = 250

  package init(loop: EventLoop, upstream: UpstreamClient, log: Logger) {
    (self.loop, self.upstream, self.log) = (loop, upstream, log)
  }

  package func discard(_ session: LiveSession) { discard(id: session.session.id, account: session.account) }

  package func discard(id: Int, account: AccountPool.AccountIndex) {
    waiting[account, default: []].append(id)
    // More may follow soon, and a batch is one call.
    if !isBusy, !timer.isActive { timer.start(after: Self.gatherMilliseconds) }
  }

  package var backlog: Int { waiting.values.reduce(0) { $0 + $1.count } }

  /// Calls `done` when nothing is left to delete, or when it is given up.
  package func flush(_ done: @escaping () -> Void) {
    whenDone = done
    timer.stop()
    work()
  }

  package func close() {
    timer.close()
    whenDone = nil
  }

  private func makeTimer() -> LoopTimer {
    let timer = LoopTimer(loop: loop) { [weak self] in self?.work() }
    timer.keepsLoopAlive(false)
    return timer
  }

  private func work() {
    guard !isBusy else { return }
    guard let (account, ids) = waiting.first(where: { !$0.value.isEmpty }) else {
      let done = whenDone
      whenDone = nil
      done?()
      return
    }
    let batch = Array(ids.prefix(Self.batchSize))
    waiting[account] = Array(ids.dropFirst(batch.count))
    isBusy = true
    upstream.call(.deleteSessions(ids: batch), account: account) { [weak self] outcome in
      self?.finished(batch, account: account, outcome)
    }
  }

  private func finished(_ batch: [Int], account: AccountPool.AccountIndex, _ outcome: JSONCall.Outcome) {
    isBusy = false
    switch outcome {
    case .success:
      failuresInARow = 0
      deleted += batch.count
    case .failure(let error):
      failuresInARow += 1
      guard failuresInARow < Self.maxFailures, whenDone == nil else {
        log.warning("\(batch.count) upstream sessions could not be deleted and are left over: \(error.message)")
        failuresInARow = 0
        break
      }
      waiting[account, default: []].append(contentsOf: batch)
      timer.start(after: UInt64(1000) << UInt64(failuresInARow))
      return
    }
    if whenDone == nil, backlog > 0 { timer.start(after: Self.gatherMilliseconds) } else { work() }
  }
}

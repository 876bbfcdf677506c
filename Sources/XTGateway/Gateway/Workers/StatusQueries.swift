import EventLoop

/// Asks every loop for its status; none is waited for longer than a moment, and nobody blocks.
final class StatusQueries {
  typealias Done = ([WorkerStatus]) -> Void

  private struct Query {
    var missing: Set<Int>
    let timer: LoopTimer
    let done: Done
  }

  private let loop: EventLoop
  private let worker: Int
  private let own: () -> WorkerStatus
  private let ask: (_ worker: Int, _ query: Int) -> Bool
  /// The last that was heard of each loop.
  private var last: [WorkerStatus]
  private var queries: [Int: Query] = [:]
  private var count = 0

  /// What a loop that does not answer in time said last must do.
  private static let patienceMilliseconds: UInt64 = 1000

  /// - Parameters:
  ///   - own: this loop's.
  ///   - ask: sends a question; false: the loop is closed.
  init(
    loop: EventLoop, worker: Int, workers: Int, own: @escaping () -> WorkerStatus,
    ask: @escaping (_ worker: Int, _ query: Int) -> Bool
  ) {
    (self.loop, self.worker, self.own, self.ask) = (loop, worker, own, ask)
    last = Array(repeating: WorkerStatus(), count: workers)
  }

  /// `done` gets one status a loop, in order; at once where there is one loop.
  func gather(_ done: @escaping Done) {
    guard last.count > 1 else { return done([own()]) }
    count += 1
    let number = count
    let timer = LoopTimer(loop: loop) { [weak self] in self?.end(number) }
    queries[number] = Query(missing: Set(last.indices.filter { $0 != worker }), timer: timer, done: done)
    for other in last.indices where other != worker && !ask(other, number) { queries[number]?.missing.remove(other) }
    if queries[number]?.missing.isEmpty == true { end(number) } else { timer.start(after: Self.patienceMilliseconds) }
  }

  func receive(_ status: WorkerStatus, of other: Int, query: Int) {
    last[other] = status
    queries[query]?.missing.remove(other)
    if queries[query]?.missing.isEmpty == true { end(query) }
  }

  func close() {
    for query in queries.values { query.timer.close() }
    queries.removeAll()
  }

  private func end(_ number: Int) {
    guard let query = queries.removeValue(forKey: number) else { return }
    query.timer.close()
    last[worker] = own()
    query.done(last)
  }
}

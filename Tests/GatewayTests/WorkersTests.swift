import EventLoop
import Testing

@testable import Gateway

@Suite("What loops share and count") struct WorkersTests {
  @Test func histogramsAddUp() {
    var (one, other) = (Histogram([1, 2]), Histogram([1, 2]))
    for value in [0.5, 3] { one.observe(value) }
    for value in [1.5, 1.5, 0.1] { other.observe(value) }
    one.add(other)
    #expect(one.cumulative == [2, 4] && one.count == 5)
    #expect(abs(one.sum - 6.6) < 1e-9)
  }

  @Test func metricsAddUp() {
    var (one, other) = (Metrics(), Metrics())
    func record(_ status: Int, _ route: String) -> AccessRecord {
      var record = AccessRecord(requestID: "r", method: "GET", route: route, client: "", startedAt: 0)
      record.status = status
      return record
    }
    one.finished(record(200, "/a"), now: 5)
    one.called("chat", "ok", milliseconds: 5)
    one.retries = 2
    other.finished(record(200, "/a"), now: 5)
    other.finished(record(404, "/b"), now: 5)
    other.called("chat", "ok", milliseconds: 7)
    other.called("models", "failed", milliseconds: 7)
    other.received(pieces: 3, after: 1)
    other.waited(milliseconds: 9)
    other.failovers = 1
    one.add(other)
    #expect(
      one.requests.sorted { $0.status < $1.status }.map(\.value) == [2, 1] && one.durations["/a"]?.count == 2
        && one.durations["/b"]?.count == 1)
    #expect(one.calls.sorted { $0.call < $1.call }.map(\.value) == [2, 1] && one.callDurations["chat"]?.count == 2)
    #expect(one.pieces == 3 && one.pieceInterval.count == 3 && one.queueWait.count == 1)
    #expect(one.retries == 2 && one.failovers == 1)
  }

  @Test func everyLabelIsCountedByItself() {
    var table = LabelTable<Metrics.CallLabels, Int>()
    for (call, outcome) in [("a", "ok"), ("b", "ok"), ("a", "failed"), ("a", "ok")] {
      table.update(.init(call: call, outcome: outcome), initial: 10) { $0 += 1 }
    }
    #expect(table[.init(call: "a", outcome: "ok")] == 12 && table[.init(call: "a", outcome: "failed")] == 11)
    #expect(table[.init(call: "b", outcome: "failed")] == nil)
    var sum = LabelTable<Metrics.CallLabels, Int>()
    sum.update(.init(call: "b", outcome: "ok"), initial: 0) { $0 += 1 }
    sum.merge(table, initial: 0, +=)
    #expect(sum.sorted { ($0.call, $0.outcome) < ($1.call, $1.outcome) }.map(\.value) == [11, 12, 12])
  }

  @Test func tokensHaveAVersion() {
    let tokens = AccountTokens(["a"])
    let first = tokens.version
    tokens.set("b", account: 0)
    let second = tokens.version
    tokens.set("c", account: 1)
    #expect(first != second && tokens.version != second)
    #expect(tokens.all == ["b", "c"])
  }

  // MARK: Asking every loop

  private func status(_ chats: Int) -> WorkerStatus {
    var status = WorkerStatus()
    status.runningChats = chats
    return status
  }

  private func run(_ loop: EventLoop, until isDone: () -> Bool) {
    let guardian = LoopTimer(loop: loop) { loop.stop() }
    guardian.start(after: 5, repeating: 5)
    for _ in 0..<2000 where !isDone() { loop.run() }
    guardian.close()
  }

  @Test func oneLoopAnswersAtOnce() throws {
    let loop = try EventLoop()
    let queries = StatusQueries(loop: loop, worker: 0, workers: 1, own: { status(7) }, ask: { _, _ in false })
    var seen: [Int] = []
    queries.gather { seen = $0.map(\.runningChats) }
    #expect(seen == [7])
    queries.close()
    loop.close()
  }

  @Test func severalAreWaitedFor() throws {
    let loop = try EventLoop()
    var asked: [Int] = []
    let queries = StatusQueries(loop: loop, worker: 1, workers: 3, own: { status(1) }) { worker, _ in
      asked.append(worker)
      return true
    }
    var seen: [Int] = []
    queries.gather { seen = $0.map(\.runningChats) }
    #expect(asked == [0, 2])
    queries.receive(status(5), of: 2, query: 1)
    queries.receive(status(5), of: 2, query: 1)
    #expect(seen == [])
    queries.receive(status(3), of: 0, query: 1)
    #expect(seen == [3, 1, 5])
    queries.close()
    loop.close()
  }

  /// A loop that is busy, or closed, counts with what it said last.
  @Test func silentOnesAreNotWaitedForLong() throws {
    let loop = try EventLoop()
    let queries = StatusQueries(loop: loop, worker: 0, workers: 3, own: { status(1) }) { worker, _ in worker == 1 }
    queries.receive(status(8), of: 1, query: 0)
    queries.receive(status(9), of: 2, query: 0)
    var seen: [Int] = []
    queries.gather { seen = $0.map(\.runningChats) }
    #expect(seen == [])
    run(loop) { !seen.isEmpty }
    #expect(seen == [1, 8, 9])
    // Too late.
    queries.receive(status(2), of: 1, query: 1)
    #expect(seen == [1, 8, 9])
    queries.close()
    loop.close()
  }
}

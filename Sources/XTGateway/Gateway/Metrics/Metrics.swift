/// What is counted while requests run. Labels are bounded: routes are templates, calls and reasons come from enumerations.
public struct Metrics: Sendable {
  struct RequestLabels: Equatable, Sendable {
    var route: String
    var status: Int
    var isStream: Bool
  }

  struct CallLabels: Equatable, Sendable {
    var call: String
    var outcome: String

    /// Most differ in length already, which costs less to see.
    static func == (one: CallLabels, other: CallLabels) -> Bool {
      one.call.utf8.count == other.call.utf8.count && one.call == other.call && one.outcome == other.outcome
    }
  }

  private(set) var requests = LabelTable<RequestLabels, Int>()
  private(set) var timeToFirstToken = Histogram(Histogram.latencies)
  private(set) var durations = LabelTable<String, Histogram>()
  private(set) var pieceInterval = Histogram(Histogram.latencies)
  private(set) var pieces = 0
  private(set) var calls = LabelTable<CallLabels, Int>()
  private(set) var callDurations = LabelTable<String, Histogram>()
  private(set) var failures = LabelTable<Blame, Int>()
  private(set) var queueWait = Histogram(Histogram.latencies)
  /// Further attempts of any kind, and those among them on another account.
  var retries = 0
  var failovers = 0

  mutating func finished(_ record: AccessRecord, now: UInt64) {
    let status = record.isAbandoned ? 499 : record.status
    requests.update(RequestLabels(route: record.route, status: status, isStream: record.isStream ?? false), initial: 0) { $0 += 1 }
    durations.update(record.route, initial: Histogram(Histogram.latencies)) { $0.observe(milliseconds: now - record.startedAt) }
    if let first = record.firstPieceAt { timeToFirstToken.observe(milliseconds: first - record.startedAt) }
    if let blame = record.isAbandoned ? .client : record.error?.blame { failures.update(blame, initial: 0) { $0 += 1 } }
  }

  /// Pieces came, `milliseconds` after the ones before; those of one read count as coming together.
  mutating func received(pieces count: Int, after milliseconds: UInt64?) {
    pieces += count
    if let milliseconds { pieceInterval.observe(Double(milliseconds) / 1000) }
    if count > 1 { pieceInterval.observe(0, times: count - 1) }
  }

  mutating func called(_ call: String, _ outcome: String, milliseconds: UInt64) {
    calls.update(CallLabels(call: call, outcome: outcome), initial: 0) { $0 += 1 }
    callDurations.update(call, initial: Histogram(Histogram.latencies)) { $0.observe(milliseconds: milliseconds) }
  }

  mutating func waited(milliseconds: UInt64) { queueWait.observe(milliseconds: milliseconds) }

  /// The same in memory of its own, for another thread: what shared its memory would be copied by the next request instead.
  var copy: Metrics {
    var copy = Metrics()
    copy.add(self)
    return copy
  }

  /// Adds what another loop has counted.
  mutating func add(_ other: Metrics) {
    requests.merge(other.requests, initial: 0, +=)
    timeToFirstToken.add(other.timeToFirstToken)
    durations.merge(other.durations, initial: Histogram(Histogram.latencies)) { $0.add($1) }
    pieceInterval.add(other.pieceInterval)
    pieces += other.pieces
    calls.merge(other.calls, initial: 0, +=)
    callDurations.merge(other.callDurations, initial: Histogram(Histogram.latencies)) { $0.add($1) }
    failures.merge(other.failures, initial: 0, +=)
    queueWait.add(other.queueWait)
    retries += other.retries
    failovers += other.failovers
  }
}

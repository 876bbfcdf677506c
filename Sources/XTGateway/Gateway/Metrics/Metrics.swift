/// What is counted while requests run. Labels are bounded: routes are templates, calls and reasons come from enumerations.
package struct Metrics: Sendable {
  struct RequestLabels: Hashable, Sendable {
    var route: String
    var status: Int
    var isStream: Bool
  }

  struct CallLabels: Hashable, Sendable {
    var call: String
    var outcome: String
  }

  private(set) var requests: [RequestLabels: Int] = [:]
  private(set) var timeToFirstToken = Histogram(Histogram.latencies)
  private(set) var durations: [String: Histogram] = [:]
  private(set) var pieceInterval = Histogram(Histogram.latencies)
  private(set) var pieces = 0
  private(set) var calls: [CallLabels: Int] = [:]
  private(set) var callDurations: [String: Histogram] = [:]
  private(set) var failures: [Blame: Int] = [:]
  private(set) var queueWait = Histogram(Histogram.latencies)
  /// Further attempts of any kind, and those among them on another account.
  var retries = 0
  var failovers = 0

  mutating func finished(_ record: AccessRecord, now: UInt64) {
    let status = record.isAbandoned ? 499 : record.status
    requests[RequestLabels(route: record.route, status: status, isStream: record.isStream ?? false), default: 0] += 1
    durations[record.route, default: Histogram(Histogram.latencies)].observe(milliseconds: now - record.startedAt)
    if let first = record.firstPieceAt { timeToFirstToken.observe(milliseconds: first - record.startedAt) }
    if let blame = record.isAbandoned ? .client : record.error?.blame { failures[blame, default: 0] += 1 }
  }

  /// Pieces came, `milliseconds` after the ones before; those of one read count as coming together.
  mutating func received(pieces count: Int, after milliseconds: UInt64?) {
    pieces += count
    if let milliseconds { pieceInterval.observe(Double(milliseconds) / 1000) }
    if count > 1 { pieceInterval.observe(0, times: count - 1) }
  }

  mutating func called(_ call: String, _ outcome: String, milliseconds: UInt64) {
    calls[CallLabels(call: call, outcome: outcome), default: 0] += 1
    callDurations[call, default: Histogram(Histogram.latencies)].observe(milliseconds: milliseconds)
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
    requests.merge(other.requests, uniquingKeysWith: +)
    timeToFirstToken.add(other.timeToFirstToken)
    for (route, histogram) in other.durations { durations[route, default: Histogram(Histogram.latencies)].add(histogram) }
    pieceInterval.add(other.pieceInterval)
    pieces += other.pieces
    calls.merge(other.calls, uniquingKeysWith: +)
    for (call, histogram) in other.callDurations { callDurations[call, default: Histogram(Histogram.latencies)].add(histogram) }
    failures.merge(other.failures, uniquingKeysWith: +)
    queueWait.add(other.queueWait)
    retries += other.retries
    failovers += other.failovers
  }
}

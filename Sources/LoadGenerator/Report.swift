import Wire

/// What a run came to. A pure value.
struct Report {
  var ok = 0
  var notStarted = 0
  private(set) var failed: [String: Int] = [:]
  private(set) var firstFailure: String?
  var pieces = 0
  var readsOfSeveral = 0
  var seconds = 0.0
  var firstToken = Histogram()
  var latency = Histogram()
  var duration = Histogram()

  init() {}

  /// A new one that goes on with another's failures.
  init(failuresOf other: Report) {
    (failed, firstFailure) = (other.failed, other.firstFailure)
  }

  var failures: Int { failed.values.reduce(0, +) + notStarted }

  mutating func add(_ failure: Failure, _ detail: String) {
    failed[failure.kind, default: 0] += 1
    if firstFailure == nil { firstFailure = detail.isEmpty ? failure.kind : "\(failure.kind): \(detail)" }
  }

  /// One JSON object.
  var json: String {
    var json = JSONWriter(ByteBuffer())
    json.beginObject()
    write(&json, "ok", ok)
    write(&json, "failures", failures)
    json.key("failed")
    json.beginObject()
    for (kind, count) in failed.sorted(by: { $0.key < $1.key }) {
      json.key(kind)
      json.int(count)
    }
    if notStarted > 0 { write(&json, "not_started", notStarted) }
    json.endObject()
    json.key("first_failure")
    if let firstFailure { json.string(firstFailure) } else { json.null() }
    write(&json, "pieces", pieces)
    write(&json, "reads_of_several_pieces", readsOfSeveral)
    write(&json, "seconds", seconds)
    write(&json, "requests_per_s", seconds > 0 ? Double(ok) / seconds : 0)
    write(&json, "pieces_per_s", seconds > 0 ? Double(pieces) / seconds : 0)
    write(&json, "ttft_ms", firstToken)
    write(&json, "piece_latency_ms", latency)
    write(&json, "request_ms", duration)
    json.endObject()
    return json.buffer.text
  }

  private func write(_ json: inout JSONWriter, _ name: StaticString, _ value: Int) {
    json.key(name)
    json.int(value)
  }

  /// To three places.
  private func write(_ json: inout JSONWriter, _ name: StaticString, _ value: Double) {
    json.key(name)
    json.double((value * 1000).rounded() / 1000)
  }

  private func write(_ json: inout JSONWriter, _ name: StaticString, _ histogram: Histogram) {
    json.key(name)
    json.beginObject()
    let quantiles: [(StaticString, Double)] = [
      ("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999), ("max", 1),
    ]
    for (quantile, share) in quantiles {
      json.key(quantile)
      // To the nanosecond: what a peer adds may be a few microseconds.
      if let value = histogram.milliseconds(share) { json.double((value * 1e6).rounded() / 1e6) } else { json.null() }
    }
    json.endObject()
  }
}

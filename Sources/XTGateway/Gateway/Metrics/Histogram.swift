/// Counts of observations by size, as Prometheus wants them.
struct Histogram: Sendable {
  /// Upper bounds in the unit of `scale`, ascending.
  let bounds: [Double]
  private var counts: [Int]
  private(set) var sum = 0.0
  private(set) var count = 0

  init(_ bounds: [Double]) {
    self.bounds = bounds
    counts = Array(repeating: 0, count: bounds.count)
  }

  /// From a millisecond to ten minutes, in seconds.
  static let latencies: [Double] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
  ]

  mutating func observe(_ value: Double, times: Int = 1) {
    count += times
    sum += value * Double(times)
    if let index = bounds.firstIndex(where: { value <= $0 }) { counts[index] += times }
  }

  mutating func observe(milliseconds: UInt64) { observe(Double(milliseconds) / 1000) }

  /// Adds what another one with the same bounds has seen.
  mutating func add(_ other: Histogram) {
    count += other.count
    sum += other.sum
    for index in counts.indices { counts[index] += other.counts[index] }
  }

  /// Counts of observations up to each bound.
  var cumulative: [Int] {
    var total = 0
    return counts.map { count in
      total += count
      return total
    }
  }
}

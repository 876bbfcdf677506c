/// Counts of durations in nanoseconds, 1,024 steps an octave as HdrHistogram has them: exact below 2 µs, right to 0.1 % above, in a
/// fixed quarter of a megabyte. A pure value.
struct Histogram {
  private static let stepsShift = 10
  private static let steps = 1 << stepsShift
  /// What is longer (more than an hour) counts as this long.
  private static let longest: UInt64 = 1 << 42 - 1

  private var slots = [UInt64](repeating: 0, count: slot(longest) + 1)
  private(set) var count: UInt64 = 0
  private(set) var greatest: UInt64 = 0

  mutating func add(_ nanoseconds: UInt64) {
    slots[Self.slot(min(nanoseconds, Self.longest))] += 1
    count += 1
    greatest = max(greatest, nanoseconds)
  }

  private static func slot(_ value: UInt64) -> Int {
    let shift = max(0, UInt64.bitWidth - value.leadingZeroBitCount - stepsShift - 1)
    return shift * steps + Int(value >> UInt64(shift))
  }

  /// The duration that the share `quantile` of all did not exceed, in milliseconds; nil if there are none.
  func milliseconds(_ quantile: Double) -> Double? {
    guard count > 0 else { return nil }
    let rank = max(1, UInt64((Double(count) * quantile).rounded(.up)))
    var seen: UInt64 = 0
    for index in slots.indices where slots[index] > 0 {
      seen += slots[index]
      if seen >= rank { return Double(seen == count ? greatest : min(Self.upperBound(index), greatest)) / 1e6 }
    }
    return Double(greatest) / 1e6
  }

  /// The greatest value that counts in a slot.
  private static func upperBound(_ index: Int) -> UInt64 {
    let shift = max(0, index / steps - 1)
    return (UInt64(index - shift * steps) + 1) << UInt64(shift) - 1
  }
}

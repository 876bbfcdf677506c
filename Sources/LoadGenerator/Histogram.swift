/// Counts of durations in nanoseconds, 64 steps an octave, so that a percentile is right to 1.6 %. A pure value.
struct Histogram {
  private var slots = [UInt64](repeating: 0, count: 64 * 60)
  private(set) var count: UInt64 = 0
  private(set) var greatest: UInt64 = 0

  mutating func add(_ nanoseconds: UInt64) {
    slots[Self.slot(nanoseconds)] += 1
    count += 1
    greatest = max(greatest, nanoseconds)
  }

  private static func slot(_ value: UInt64) -> Int {
    let shift = value < 64 ? 0 : 58 - value.leadingZeroBitCount
    return shift * 64 + Int(value >> UInt64(shift))
  }

  /// The duration that the share `quantile` of all did not exceed, in milliseconds; nil if there are none.
  func milliseconds(_ quantile: Double) -> Double? {
    guard count > 0 else { return nil }
    let rank = max(1, UInt64((Double(count) * quantile).rounded(.up)))
    var seen: UInt64 = 0
    for index in slots.indices where slots[index] > 0 {
      seen += slots[index]
      if seen >= rank { return Double(min(Self.upperBound(index), greatest)) / 1e6 }
    }
    return Double(greatest) / 1e6
  }

  /// The greatest value that counts in a slot.
  private static func upperBound(_ index: Int) -> UInt64 {
    let shift = max(0, index / 64 - 1)
    return (UInt64(index - shift * 64) + 1) << UInt64(shift) - 1
  }
}

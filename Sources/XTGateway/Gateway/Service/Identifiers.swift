import Wire

/// Makes identifiers that nobody can guess from the ones before: a counter, put through a keyed hash.
package struct Identifiers {
  private let key = SipHash128.Key(k0: .random(in: 0 ... .max), k1: .random(in: 0 ... .max))
  private var count: UInt64 = 0

  package init() {}

  /// 32 hexadecimal digits.
  package mutating func next() -> String {
    count += 1
    var hash = SipHash128(key: key)
    withUnsafeBytes(of: count) { hash.update($0) }
    let digest = hash.finalize()
    return String(unsafeUninitializedCapacity: 32) { text in
      for index in 0..<16 {
        text[index] = Self.digit(digest.high, index)
        text[index + 16] = Self.digit(digest.low, index)
      }
      return 32
    }
  }

  private static func digit(_ word: UInt64, _ index: Int) -> UInt8 {
    let value = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * index)) & 0xF
    return value < 10 ? 48 + value : 87 + value
  }
}

public enum ASCII {
  /// An unsigned decimal number: digits only, no sign, no space; nil if empty, anything else stands in it, or it overflows `Int`.
  public static func decimal(_ bytes: UnsafeRawBufferPointer) -> Int? {
    guard !bytes.isEmpty else { return nil }
    var value = 0
    for byte in bytes {
      let digit = byte &- UInt8(ascii: "0")
      guard digit <= 9 else { return nil }
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(Int(digit))
      guard !overflow && !carry else { return nil }
      value = sum
    }
    return value
  }

  /// The eight hexadecimal digits of the lowest 32 bits, all at once; the first one is the highest byte.
  public static func hexadecimalDigits(_ value: UInt64) -> UInt64 {
    // A byte for each four bits …
    var word = (value << 16 | value) & 0x0000_FFFF_0000_FFFF
    word = (word << 8 | word) & 0x00FF_00FF_00FF_00FF
    word = (word << 4 | word) & 0x0F0F_0F0F_0F0F_0F0F
    // … and from 10 on a letter, which stands 39 behind where a digit would.
    let letters = (word &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
    return word &+ 0x3030_3030_3030_3030 &+ letters &* 39
  }

  /// Compares without regard to the case of ASCII letters.
  public static func equalsIgnoringCase(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard bytes.count == count, let base = bytes.baseAddress else { return bytes.count == count }
    let other = UnsafeRawPointer(text.utf8Start)
    var index = 0
    while index + 8 <= count {
      guard isEqual(ByteScan.word(base, index), ByteScan.word(other, index)) else { return false }
      index += 8
    }
    // The last eight once more, in part, rather than a byte at a time.
    if count >= 8 { return isEqual(ByteScan.word(base, count - 8), ByteScan.word(other, count - 8)) }
    while index < count {
      guard lowercase(bytes[index]) == lowercase(other.load(fromByteOffset: index, as: UInt8.self)) else { return false }
      index += 1
    }
    return true
  }

  /// Whether eight bytes are, most often in the same case.
  @inline(__always) private static func isEqual(_ word: UInt64, _ other: UInt64) -> Bool {
    word == other || lowercase(word) == lowercase(other)
  }

  /// `lowercase` of eight bytes.
  @inline(__always) private static func lowercase(_ word: UInt64) -> UInt64 {
    let capitals = ByteScan.within(UInt8(ascii: "A"), UInt8(ascii: "Z"), word & 0x7F7F_7F7F_7F7F_7F7F) & ~word
    return word | capitals >> 2
  }

  /// `A`…`Z` as `a`…`z`; any other byte as it is.
  @inlinable public static func lowercase(_ byte: UInt8) -> UInt8 {
    byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
  }

  /// The value of a hexadecimal digit of either case; nil for anything else.
  @inlinable public static func hexadecimal(_ byte: UInt8) -> UInt8? {
    let digit = byte &- UInt8(ascii: "0")
    if digit <= 9 { return digit }
    let letter = (byte | 0x20) &- UInt8(ascii: "a")
    return letter < 6 ? letter + 10 : nil
  }
}

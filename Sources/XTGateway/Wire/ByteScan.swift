/// Looking at eight bytes at once, as one number whose lowest byte is the first.
///
/// Plain integers on purpose: the standard library's SIMD types were measured at a fiftieth of this speed, as their
/// comparisons are not always specialised. Where a search subtracts to find a byte, its borrow can raise false alarms only
/// above a true one, so that "none" and "the lowest" are right.
@usableFromInline enum ByteScan {
  @inlinable @inline(__always) static func word(_ base: UnsafeRawPointer, _ index: Int) -> UInt64 {
    UInt64(littleEndian: base.loadUnaligned(fromByteOffset: index, as: UInt64.self))
  }

  /// The last `rest` (1 to 7) of `count` bytes, zeros above them.
  @inlinable @inline(__always) static func lastBytes(_ base: UnsafeRawPointer, _ count: Int, _ rest: Int) -> UInt64 {
    if count >= 8 { return word(base, count - 8) >> (UInt64(8 - rest) * 8) }
    var word: UInt64 = 0
    for index in 0..<rest {
      word |= UInt64(base.load(fromByteOffset: count - rest + index, as: UInt8.self)) << (UInt64(index) * 8)
    }
    return word
  }

  /// The highest bits of the bytes that may not stand as they are in a JSON string: quote, backslash, control bytes.
  @inlinable @inline(__always) static func escaped(_ word: UInt64) -> UInt64 {
    let quotes = word ^ 0x2222_2222_2222_2222
    let backslashes = word ^ 0x5C5C_5C5C_5C5C_5C5C
    let controls = word &- 0x2020_2020_2020_2020
    return ((quotes &- 0x0101_0101_0101_0101) & ~quotes | (backslashes &- 0x0101_0101_0101_0101) & ~backslashes | controls & ~word)
      & 0x8080_8080_8080_8080
  }

  /// The highest bits of the backslashes.
  @inlinable @inline(__always) static func backslash(_ word: UInt64) -> UInt64 {
    let backslashes = word ^ 0x5C5C_5C5C_5C5C_5C5C
    return (backslashes &- 0x0101_0101_0101_0101) & ~backslashes & 0x8080_8080_8080_8080
  }

  /// The highest bits of the control bytes, DEL included.
  @inline(__always) static func control(_ word: UInt64) -> UInt64 {
    let deletes = word ^ 0x7F7F_7F7F_7F7F_7F7F
    let controls = word &- 0x2020_2020_2020_2020
    return ((deletes &- 0x0101_0101_0101_0101) & ~deletes | controls & ~word) & 0x8080_8080_8080_8080
  }

  /// As `escaped`, and the bytes that are not ASCII.
  @inlinable @inline(__always) static func special(_ word: UInt64) -> UInt64 {
    escaped(word) | word & 0x8080_8080_8080_8080
  }

  /// The highest bits of the bytes within `low...high`. Every byte must be ASCII.
  @inlinable @inline(__always) static func within(_ low: UInt8, _ high: UInt8, _ word: UInt64) -> UInt64 {
    let isAtLeast = word &+ UInt64(0x80 - low) &* 0x0101_0101_0101_0101
    let isAbove = word &+ UInt64(0x7F - high) &* 0x0101_0101_0101_0101
    return isAtLeast & ~isAbove & 0x8080_8080_8080_8080
  }
}

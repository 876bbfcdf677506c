/// The insides of JSON string literals (RFC 8259, section 7): finding their end, and decoding them.
package enum JSONString {
  /// Finds the end of a string literal and checks it strictly: no control bytes, only the escapes that JSON has,
  /// well-formed UTF-8. An escaped lone surrogate is legal.
  /// - Parameter start: the index just behind the opening quote.
  /// - Returns: the index of the closing quote and whether a backslash stands before it; nil if the literal is not valid
  ///   or not complete.
  @inlinable package static func end(
    of bytes: UnsafeRawBufferPointer, from start: Int
  ) -> (closingQuote: Int, hasEscapes: Bool)? {
    guard let base = bytes.baseAddress else { return nil }
    let count = bytes.count
    var index = start
    var hasEscapes = false
    while true {
      index = plainRun(base, index, count)
      guard index < count else { return nil }
      let byte = base.load(fromByteOffset: index, as: UInt8.self)
      if byte == UInt8(ascii: "\"") { return (index, hasEscapes) }
      if byte >= 0x80 {
        index = UTF8Validation.multiByteRun(base, index, count)
        if index < 0 { return nil }
      } else {
        guard byte == UInt8(ascii: "\\") else { return nil }
        let length = escapeLength(base, index, count)
        if length == 0 { return nil }
        hasEscapes = true
        index += length
      }
    }
  }

  /// The index of the first byte from `start` on that is a quote, a backslash, a control byte or not ASCII; else `count`.
  @inlinable static func plainRun(_ base: UnsafeRawPointer, _ start: Int, _ count: Int) -> Int {
    var index = start
    while index + 16 <= count {
      let block = base.loadUnaligned(fromByteOffset: index, as: SIMD16<Int8>.self)
      // Signed, so that one comparison finds both what is below 0x20 and what is above 0x7F.
      let hits = (block .< 0x20) .| (block .== 0x22) .| (block .== 0x5C)
      let lane = ByteScan.firstLane(hits)
      index += lane
      if lane < 16 { return index }
    }
    if index + 8 <= count {
      let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: index, as: UInt64.self))
      let lane = ByteScan.firstSpecial(word)
      index += lane
      if lane < 8 { return index }
    }
    while index < count {
      let byte = base.load(fromByteOffset: index, as: UInt8.self)
      if byte &- 0x20 >= 0x60 || byte == 0x22 || byte == 0x5C { return index }
      index += 1
    }
    return index
  }

  /// The length of the escape whose backslash stands at `index`; 0 if it is none of JSON's or not complete.
  @inlinable static func escapeLength(_ base: UnsafeRawPointer, _ index: Int, _ count: Int) -> Int {
    guard index + 1 < count else { return 0 }
    switch base.load(fromByteOffset: index + 1, as: UInt8.self) {
    case UInt8(ascii: "n"), UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "t"), UInt8(ascii: "r"),
      UInt8(ascii: "b"), UInt8(ascii: "f"):
      return 2
    case UInt8(ascii: "u"):
      guard index + 6 <= count else { return 0 }
      for offset in 2..<6 where ASCII.hexadecimal(base.load(fromByteOffset: index + offset, as: UInt8.self)) == nil { return 0 }
      return 6
    default: return 0
    }
  }
}

/// Looking at several bytes at once.
@usableFromInline enum ByteScan {
  /// The first lane that is true; 16 if none is.
  @inlinable @inline(__always) static func firstLane(_ mask: SIMDMask<SIMD16<Int8>>) -> Int {
    let halves = unsafeBitCast(mask, to: SIMD2<UInt64>.self)
    let low = UInt64(littleEndian: halves[0])
    if low != 0 { return low.trailingZeroBitCount >> 3 }
    let high = UInt64(littleEndian: halves[1])
    return high != 0 ? 8 + high.trailingZeroBitCount >> 3 : 16
  }

  /// The first of eight bytes (the lowest is the first) that is a quote, a backslash, a control byte or not ASCII; 8 if none is.
  ///
  /// Subtracting finds zero bytes; its borrow can only raise false alarms above a true one, so the lowest is right.
  @inlinable @inline(__always) static func firstSpecial(_ word: UInt64) -> Int {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let highs: UInt64 = 0x8080_8080_8080_8080
    let quotes = word ^ (ones &* 0x22)
    let backslashes = word ^ (ones &* 0x5C)
    let found = (quotes &- ones) & ~quotes | (backslashes &- ones) & ~backslashes | (word &- ones &* 0x20) & ~word | word
    // No bit gives 64, hence 8.
    return (found & highs).trailingZeroBitCount >> 3
  }
}

/// The insides of JSON string literals (RFC 8259, section 7): finding their end, and decoding them.
public enum JSONString {
  /// Finds the end of a string literal and checks it strictly: no control bytes, only the escapes that JSON has,
  /// well-formed UTF-8. An escaped lone surrogate is legal.
  /// - Parameter start: the index just behind the opening quote.
  /// - Returns: the index of the closing quote and whether a backslash stands before it; nil if the literal is not valid
  ///   or not complete.
  @inlinable public static func end(
    of bytes: UnsafeRawBufferPointer, from start: Int
  ) -> (closingQuote: Int, hasEscapes: Bool)? {
    guard let base = bytes.baseAddress else { return nil }
    let count = bytes.count
    var index = start
    var hasEscapes = false
    while true {
      index = plainRun(base, index, count)
      // What is not plain often comes in a row: each is looked at directly, without another search for the next.
      while true {
        guard index < count else { return nil }
        let byte = base.load(fromByteOffset: index, as: UInt8.self)
        if byte >= 0x80 {
          index = UTF8Validation.multiByteRun(base, index, count)
          if index < 0 { return nil }
        } else if byte == UInt8(ascii: "\\") {
          let length = escapeLength(base, index, count)
          if length == 0 { return nil }
          hasEscapes = true
          index += length
        } else if byte == UInt8(ascii: "\"") {
          return (index, hasEscapes)
        } else if byte < 0x20 {
          return nil
        } else {
          break
        }
      }
    }
  }

  /// The index of the first byte from `start` on that is a quote, a backslash, a control byte or not ASCII; else `count`.
  @inlinable static func plainRun(_ base: UnsafeRawPointer, _ start: Int, _ count: Int) -> Int {
    var index = start
    // Most runs in streamed text are short.
    if index + 8 <= count {
      let found = ByteScan.special(ByteScan.word(base, index))
      if found != 0 { return index + found.trailingZeroBitCount >> 3 }
      index += 8
    }
    while index + 32 <= count {
      let first = ByteScan.special(ByteScan.word(base, index)) | ByteScan.special(ByteScan.word(base, index + 8))
      let second = ByteScan.special(ByteScan.word(base, index + 16)) | ByteScan.special(ByteScan.word(base, index + 24))
      if first | second != 0 { break }
      index += 32
    }
    while index + 8 <= count {
      let found = ByteScan.special(ByteScan.word(base, index))
      if found != 0 { return index + found.trailingZeroBitCount >> 3 }
      index += 8
    }
    if index < count && count >= 8 {
      // The last eight bytes, what was seen shifted out; the zeros that come in are found behind the end.
      let rest = ByteScan.word(base, count - 8) >> (UInt64(8 - (count - index)) * 8)
      return min(index + ByteScan.special(rest).trailingZeroBitCount >> 3, count)
    }
    while index < count {
      let byte = base.load(fromByteOffset: index, as: UInt8.self)
      if byte &- 0x20 >= 0x60 || byte == 0x22 || byte == 0x5C { return index }
      index += 1
    }
    return index
  }

  /// The length of the escape whose backslash stands at `index`; 0 if it is none of JSON's or not complete.
  @inlinable @inline(__always) static func escapeLength(_ base: UnsafeRawPointer, _ index: Int, _ count: Int) -> Int {
    guard index + 1 < count else { return 0 }
    switch base.load(fromByteOffset: index + 1, as: UInt8.self) {
    case UInt8(ascii: "n"), UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "t"), UInt8(ascii: "r"),
      UInt8(ascii: "b"), UInt8(ascii: "f"):
      return 2
    case UInt8(ascii: "u"): return index + 6 <= count && codeUnit(base, index + 2) != nil ? 6 : 0
    default: return 0
    }
  }

  /// The number that four hexadecimal digits at `index` stand for; nil if they are not digits. They must lie within the text.
  @inlinable @inline(__always) static func codeUnit(_ base: UnsafeRawPointer, _ index: Int) -> UInt32? {
    let digits = UInt32(littleEndian: base.loadUnaligned(fromByteOffset: index, as: UInt32.self))
    let lower = digits | 0x2020_2020
    // Every byte becomes its value if it is a digit or a letter from a to f; all four are checked at once. Bytes are below 0x80 then,
    // so that no sum runs over into the next.
    guard digits & 0x8080_8080 == 0 else { return nil }
    let isDigit = (digits &+ 0x5050_5050) & ~(digits &+ 0x4646_4646) & 0x8080_8080
    let isLetter = (lower &+ 0x1F1F_1F1F) & ~(lower &+ 0x1919_1919) & 0x8080_8080
    guard isDigit | isLetter == 0x8080_8080 else { return nil }
    let values = (lower & 0x0F0F_0F0F) &+ (isLetter >> 7) &* 9
    return values << 12 & 0xF000 | values & 0x0F00 | values >> 12 & 0x00F0 | values >> 24
  }
}

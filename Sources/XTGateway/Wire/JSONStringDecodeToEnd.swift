extension JSONString {
  /// A literal that was read and decoded at once.
  public struct Decoded {
    /// Where its closing quote stands.
    public var closingQuote: Int
    /// Bytes of its text.
    public var count = 0
    /// A backslash stands in it.
    public var hasEscapes = false
    /// U+FFFD stands in its text in place of an escaped half of a surrogate pair.
    public var hasLoneSurrogates = false

    init(_ start: Int) { closingQuote = start }
  }

  /// What `end(of:from:)` and `decode(_:into:)` do one after the other, in one pass: the usual way of short pieces of text.
  /// - Parameters:
  ///   - start: the index just behind the opening quote.
  ///   - target: gets the text, as UTF-8; as long as what follows `start`.
  /// - Returns: nil where `end` returns nil.
  public static func decodeToEnd(
    of bytes: UnsafeRawBufferPointer, from start: Int, to target: UnsafeMutableRawBufferPointer
  ) -> Decoded? {
    precondition(start <= bytes.count && target.count >= bytes.count - start)
    guard let base = bytes.baseAddress, let out = target.baseAddress else { return nil }
    let count = bytes.count
    var decoded = Decoded(start)
    while true {
      takePlain(base, count, out, &decoded)
      guard decoded.closingQuote < count else { return nil }
      let byte = base.load(fromByteOffset: decoded.closingQuote, as: UInt8.self)
      if byte == UInt8(ascii: "\"") { return decoded }
      if byte >= 0x80 {
        guard takeMultiByte(base, count, out, &decoded) else { return nil }
      } else if byte == UInt8(ascii: "\\") {
        guard takeEscape(bytes, out, &decoded) else { return nil }
      } else {
        guard byte >= 0x20 else { return nil }
        // One of the last seven bytes.
        out.storeBytes(of: byte, toByteOffset: decoded.count, as: UInt8.self)
        decoded.advance(1)
      }
    }
  }

  /// What stands for itself, eight bytes at a time. What is stored too much is overwritten by what follows.
  @inline(__always) private static func takePlain(
    _ base: UnsafeRawPointer, _ count: Int, _ out: UnsafeMutableRawPointer, _ decoded: inout Decoded
  ) {
    while decoded.closingQuote &+ 8 <= count {
      let word = ByteScan.word(base, decoded.closingQuote)
      out.storeBytes(of: word.littleEndian, toByteOffset: decoded.count, as: UInt64.self)
      let found = ByteScan.special(word)
      guard found == 0 else { return decoded.advance(found.trailingZeroBitCount &>> 3) }
      decoded.advance(8)
    }
  }

  /// One or more sequences of several bytes. Returns whether they are well-formed.
  @inline(__always) private static func takeMultiByte(
    _ base: UnsafeRawPointer, _ count: Int, _ out: UnsafeMutableRawPointer, _ decoded: inout Decoded
  ) -> Bool {
    while decoded.closingQuote &+ 8 <= count {
      let word = ByteScan.word(base, decoded.closingQuote)
      out.storeBytes(of: word.littleEndian, toByteOffset: decoded.count, as: UInt64.self)
      let length = UTF8Validation.lengthOfUsual(word)
      guard length > 0 else { break }
      decoded.advance(length)
      guard base.load(fromByteOffset: decoded.closingQuote, as: UInt8.self) >= 0x80 else { return true }
    }
    let length = UTF8Validation.sequenceLength(base, decoded.closingQuote, count)
    for offset in 0..<length {
      let byte = base.load(fromByteOffset: decoded.closingQuote + offset, as: UInt8.self)
      out.storeBytes(of: byte, toByteOffset: decoded.count + offset, as: UInt8.self)
    }
    decoded.advance(length)
    return length > 0
  }

  /// Returns whether the escape is one of JSON's, and complete.
  @inline(__always) private static func takeEscape(
    _ bytes: UnsafeRawBufferPointer, _ out: UnsafeMutableRawPointer, _ decoded: inout Decoded
  ) -> Bool {
    guard let base = bytes.baseAddress, escapeLength(base, decoded.closingQuote, bytes.count) > 0 else { return false }
    let (scalar, length) = escape(bytes, at: decoded.closingQuote)
    decoded.hasEscapes = true
    if scalar == "\u{FFFD}" { decoded.hasLoneSurrogates = true }
    decoded.closingQuote &+= length
    decoded.count &+= encode(scalar, out + decoded.count)
    return true
  }
}

extension JSONString.Decoded {
  @inline(__always) fileprivate mutating func advance(_ bytes: Int) {
    closingQuote &+= bytes
    count &+= bytes
  }
}

extension UTF8Validation {
  /// The length of the sequence, or of the two sequences of three bytes, that a word begins with, where it is of a kind that needs no
  /// further look; else 0.
  @inline(__always) fileprivate static func lengthOfUsual(_ word: UInt64) -> Int {
    if word & 0xC0C0F0 == 0x8080E0, anySecondByte(word & 0xFF) {
      // Chinese and Japanese are mostly that.
      return word & 0xC0C0_F000_0000 == 0x8080_E000_0000 && anySecondByte(word &>> 24 & 0xFF) ? 6 : 3
    }
    return word & 0xC0E0 == 0x80C0 && word & 0x1E != 0 ? 2 : 0
  }
}

extension JSONString {
  /// A literal that was read and decoded at once.
  public struct Decoded {
    /// Where its closing quote stands.
    public var closingQuote: Int
    /// Bytes of its text.
    public var count: Int
    /// A backslash stands in it.
    public var hasEscapes: Bool
    /// U+FFFD stands in its text, which an escape has put there: perhaps in place of half a surrogate pair.
    public var hasLoneSurrogates: Bool
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
    var (read, written) = (start, 0)
    var (hasEscapes, hasLoneSurrogates) = (false, false)
    while true {
      // Eight bytes at a time: what is stored too much is overwritten by what follows, and never reaches further than what was read.
      while read &+ 8 <= count {
        let word = ByteScan.word(base, read)
        out.storeBytes(of: word.littleEndian, toByteOffset: written, as: UInt64.self)
        let found = ByteScan.special(word)
        let run = found == 0 ? 8 : found.trailingZeroBitCount &>> 3
        read &+= run
        written &+= run
        if found != 0 { break }
      }
      guard read < count else { return nil }
      let byte = base.load(fromByteOffset: read, as: UInt8.self)
      var length = 1
      if byte == UInt8(ascii: "\\") {
        hasEscapes = true
        if let plain = shortEscape(base, read, count) {
          out.storeBytes(of: plain, toByteOffset: written, as: UInt8.self)
          read &+= 2
          written &+= 1
        } else {
          guard escapeLength(base, read, count) > 0 else { return nil }
          let (scalar, length) = escape(bytes, at: read)
          if scalar == "\u{FFFD}" { hasLoneSurrogates = true }
          read &+= length
          written &+= encode(scalar, out + written)
        }
        continue
      } else if byte >= 0x80 {
        length = takeMultiByte(base, read, count, out + written)
        guard length > 0 else { return nil }
      } else if byte == UInt8(ascii: "\"") {
        return Decoded(closingQuote: read, count: written, hasEscapes: hasEscapes, hasLoneSurrogates: hasLoneSurrogates)
      } else {
        guard byte >= 0x20 else { return nil }
        // One of the last seven bytes.
        out.storeBytes(of: byte, toByteOffset: written, as: UInt8.self)
      }
      read &+= length
      written &+= length
    }
  }

  /// What the escape of two bytes at `index` stands for; nil if there is none, or a longer one.
  @inline(__always) private static func shortEscape(_ base: UnsafeRawPointer, _ index: Int, _ count: Int) -> UInt8? {
    guard index &+ 1 < count else { return nil }
    switch base.load(fromByteOffset: index &+ 1, as: UInt8.self) {
    case UInt8(ascii: "n"): return 0x0A
    case UInt8(ascii: "\""): return UInt8(ascii: "\"")
    case UInt8(ascii: "\\"): return UInt8(ascii: "\\")
    case UInt8(ascii: "/"): return UInt8(ascii: "/")
    case UInt8(ascii: "t"): return 0x09
    case UInt8(ascii: "r"): return 0x0D
    case UInt8(ascii: "b"): return 0x08
    case UInt8(ascii: "f"): return 0x0C
    default: return nil
    }
  }

  /// Copies sequences of several bytes, as many as stand in a row.
  /// - Returns: how many bytes; 0 where the first is not well-formed.
  @inline(__always) private static func takeMultiByte(
    _ base: UnsafeRawPointer, _ start: Int, _ count: Int, _ out: UnsafeMutableRawPointer
  ) -> Int {
    var index = start
    while index &+ 8 <= count {
      let word = ByteScan.word(base, index)
      out.storeBytes(of: word.littleEndian, toByteOffset: index &- start, as: UInt64.self)
      let length = UTF8Validation.lengthOfUsual(word)
      guard length > 0 else { break }
      index &+= length
    }
    if index > start { return index &- start }
    let length = UTF8Validation.sequenceLength(base, index, count)
    for offset in 0..<length {
      out.storeBytes(of: base.load(fromByteOffset: index &+ offset, as: UInt8.self), toByteOffset: offset, as: UInt8.self)
    }
    return length
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

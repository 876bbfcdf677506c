/// `field-name ":" OWS field-value OWS` (RFC 9112, section 5).
enum HTTPFieldLine {
  static func split(_ line: UnsafeRawBufferPointer) throws(HTTPRequestError) -> (name: Range<Int>, value: Range<Int>) {
    // Line folding is obsolete, and white space before the first field is refused as well (sections 2.2 and 5.2).
    guard !line.isEmpty, let base = line.baseAddress, !isWhiteSpace(base, 0) else {
      throw .malformed("a field line begins with white space")
    }
    var end = line.count
    var colon = plainRun(base, end)
    while colon < end, HTTPCharacters.isToken(base.load(fromByteOffset: colon, as: UInt8.self)) { colon &+= 1 }
    // White space before the colon ends here too (section 5.1).
    guard colon > 0, colon < end, base.load(fromByteOffset: colon, as: UInt8.self) == UInt8(ascii: ":") else {
      throw .malformed("a field name is not a token")
    }
    var start = colon + 1
    while start < end, isWhiteSpace(base, start) { start &+= 1 }
    while end > start, isWhiteSpace(base, end &- 1) { end &-= 1 }
    guard HTTPCharacters.isFieldValue(UnsafeRawBufferPointer(rebasing: line[start..<end])) else {
      throw .malformed("a field value holds a control character")
    }
    return (0..<colon, start..<end)
  }

  /// How many letters and hyphens there are in front, of which most names consist: looked for eight at a time; there may be more.
  private static func plainRun(_ base: UnsafeRawPointer, _ count: Int) -> Int {
    var index = 0
    while index + 8 <= count {
      let word = ByteScan.word(base, index)
      let plain = word & 0x7F7F_7F7F_7F7F_7F7F
      let letters = ByteScan.within(UInt8(ascii: "a"), UInt8(ascii: "z"), plain | 0x2020_2020_2020_2020)
      let hyphens = ByteScan.within(UInt8(ascii: "-"), UInt8(ascii: "-"), plain)
      let others = ~((letters | hyphens) & ~word) & 0x8080_8080_8080_8080
      if others != 0 { return index + others.trailingZeroBitCount >> 3 }
      index += 8
    }
    return index
  }

  @inline(__always) private static func isWhiteSpace(_ base: UnsafeRawPointer, _ index: Int) -> Bool {
    HTTPCharacters.isWhiteSpace(base.load(fromByteOffset: index, as: UInt8.self))
  }
}

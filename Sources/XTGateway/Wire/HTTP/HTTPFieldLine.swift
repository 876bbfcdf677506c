/// `field-name ":" OWS field-value OWS` (RFC 9112, section 5).
enum HTTPFieldLine {
  static func split(_ line: UnsafeRawBufferPointer) throws(HTTPRequestError) -> (name: Range<Int>, value: Range<Int>) {
    // Line folding is obsolete, and white space before the first field is refused as well (sections 2.2 and 5.2).
    guard !line.isEmpty, let base = line.baseAddress, !isWhiteSpace(base, 0) else {
      throw .malformed("a field line begins with white space")
    }
    var end = line.count
    var colon = 0
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

  @inline(__always) private static func isWhiteSpace(_ base: UnsafeRawPointer, _ index: Int) -> Bool {
    HTTPCharacters.isWhiteSpace(base.load(fromByteOffset: index, as: UInt8.self))
  }
}

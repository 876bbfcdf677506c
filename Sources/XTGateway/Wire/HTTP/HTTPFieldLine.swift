/// `field-name ":" OWS field-value OWS` (RFC 9112, section 5).
enum HTTPFieldLine {
  static func split(_ line: UnsafeRawBufferPointer) throws(HTTPRequestError) -> (name: Range<Int>, value: Range<Int>) {
    // Line folding is obsolete, and white space before the first field is refused as well (sections 2.2 and 5.2).
    guard !HTTPCharacters.isWhiteSpace(line[0]) else { throw .malformed("a field line begins with white space") }
    var colon = 0
    while colon < line.count, HTTPCharacters.isToken(line[colon]) { colon += 1 }
    // White space before the colon ends here too (section 5.1).
    guard colon > 0, colon < line.count, line[colon] == UInt8(ascii: ":") else { throw .malformed("a field name is not a token") }
    var start = colon + 1
    var end = line.count
    while start < end, HTTPCharacters.isWhiteSpace(line[start]) { start += 1 }
    while end > start, HTTPCharacters.isWhiteSpace(line[end - 1]) { end -= 1 }
    guard HTTPCharacters.isFieldValue(UnsafeRawBufferPointer(rebasing: line[start..<end])) else {
      throw .malformed("a field value holds a control character")
    }
    return (0..<colon, start..<end)
  }
}

import Wire

/// Recognises the usual text event, `{"code":0,"type":"string","data":"…"}` written without white space, with or without
/// `code`. It looks at every byte of the literal and *declines* anything else without side effects; the full parser takes
/// over then, and a test holds the two against each other.
package enum TextPieceScanner {
  @usableFromInline static let withCode: StaticString = #"{"code":0,"type":"string","data":""#
  @usableFromInline static let withoutCode: StaticString = #"{"type":"string","data":""#

  /// - Returns: the inside of the literal, in place; nil if this is not the usual event.
  @inlinable package static func scan(_ data: UnsafeRawBufferPointer) -> (inside: UnsafeRawBufferPointer, hasEscapes: Bool)? {
    let start: Int
    if data.starts(withText: withCode) {
      start = withCode.utf8CodeUnitCount
    } else if data.starts(withText: withoutCode) {
      start = withoutCode.utf8CodeUnitCount
    } else {
      return nil
    }
    guard let literal = JSONString.end(of: data, from: start), literal.closingQuote == data.count - 2,
      data[data.count - 1] == UInt8(ascii: "}")
    else { return nil }
    return (UnsafeRawBufferPointer(rebasing: data[start..<literal.closingQuote]), literal.hasEscapes)
  }
}

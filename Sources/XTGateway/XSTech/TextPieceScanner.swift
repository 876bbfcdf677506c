import Wire

/// A piece of an answer. Its bytes lie in the event, and in the scratch memory that it was decoded to.
public struct TextPiece {
  /// The inside of a valid JSON string literal, without its quotes.
  public let inside: UnsafeRawBufferPointer
  /// What it stands for: `inside` itself where no backslash stands in it.
  public let text: UnsafeRawBufferPointer
  public let hasEscapes: Bool
  /// Half of a surrogate pair is escaped in it, which became U+FFFD in `text`.
  public let hasLoneSurrogates: Bool

  /// Without escapes.
  public init(_ inside: UnsafeRawBufferPointer) {
    (self.inside, text, hasEscapes, hasLoneSurrogates) = (inside, inside, false, false)
  }

  public init(_ inside: UnsafeRawBufferPointer, text: UnsafeRawBufferPointer, hasLoneSurrogates: Bool) {
    (self.inside, self.text, hasEscapes, self.hasLoneSurrogates) = (inside, text, true, hasLoneSurrogates)
  }
}

/// Recognises the usual text event, `{"code":0,"type":"string","data":"…"}` written without white space, with or without
/// `code`. It looks at every byte of the literal and *declines* anything else without side effects; the full parser takes
/// over then, and a test holds the two against each other.
public enum TextPieceScanner {
  private static let withCode: StaticString = #"{"code":0,"type":"string","data":""#
  private static let withoutCode: StaticString = #"{"type":"string","data":""#

  /// - Parameter scratch: gets the text of a literal with escapes.
  /// - Returns: nil if this is not the usual event.
  public static func scan(_ data: UnsafeRawBufferPointer, scratch: ByteBuffer) -> TextPiece? {
    let start: Int
    if data.starts(withText: withCode) {
      start = withCode.utf8CodeUnitCount
    } else if data.starts(withText: withoutCode) {
      start = withoutCode.utf8CodeUnitCount
    } else {
      return nil
    }
    scratch.removeAll()
    let memory = scratch.reserve(data.count - start)
    guard let literal = JSONString.decodeToEnd(of: data, from: start, to: memory), literal.closingQuote == data.count - 2,
      data[data.count - 1] == UInt8(ascii: "}")
    else { return nil }
    let inside = UnsafeRawBufferPointer(rebasing: data[start..<literal.closingQuote])
    guard literal.hasEscapes else { return TextPiece(inside) }
    scratch.commit(literal.count)
    return TextPiece(inside, text: scratch.bytes, hasLoneSurrogates: literal.hasLoneSurrogates)
  }
}

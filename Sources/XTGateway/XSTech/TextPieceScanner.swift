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
  private static let field: StaticString = "data: "
  private static let withCode: StaticString = #"{"code":0,"type":"string","data":""#
  private static let withoutCode: StaticString = #"{"type":"string","data":""#

  /// An event in its usual frame, `data: …`, a line feed and the empty line, at the beginning of `bytes`: what splitting them into lines
  /// and reading the event's data would find, in one pass. No line can end within a literal, which has no control bytes.
  /// - Parameters:
  ///   - bytes: an event stream, from the beginning of an event on.
  ///   - maxBytes: a longer event is declined.
  ///   - scratch: gets the text of a literal with escapes.
  /// - Returns: the piece and the event's length; nil if this is not the usual event, or not the whole of it.
  public static func scanFramed(
    _ bytes: UnsafeRawBufferPointer, maxBytes: Int, scratch: ByteBuffer
  ) -> (piece: TextPiece, length: Int)? {
    guard bytes.starts(withText: field), let start = literal(bytes, at: field.utf8CodeUnitCount),
      let (piece, end) = piece(bytes, from: start, scratch: scratch), bytes.count - end >= 4, let base = bytes.baseAddress,
      UInt32(littleEndian: base.loadUnaligned(fromByteOffset: end, as: UInt32.self)) == 0x0A0A_7D22, end + 4 <= maxBytes
    else { return nil }
    return (piece, end + 4)
  }

  /// - Parameters:
  ///   - data: of one event.
  ///   - scratch: gets the text of a literal with escapes.
  /// - Returns: nil if this is not the usual event.
  public static func scan(_ data: UnsafeRawBufferPointer, scratch: ByteBuffer) -> TextPiece? {
    guard let start = literal(data, at: 0), let (piece, end) = piece(data, from: start, scratch: scratch), end == data.count - 2,
      data[data.count - 1] == UInt8(ascii: "}")
    else { return nil }
    return piece
  }

  /// Where the literal begins, behind its quote.
  @inline(__always) private static func literal(_ bytes: UnsafeRawBufferPointer, at index: Int) -> Int? {
    let data = UnsafeRawBufferPointer(rebasing: bytes[index...])
    if data.starts(withText: withCode) { return index + withCode.utf8CodeUnitCount }
    return data.starts(withText: withoutCode) ? index + withoutCode.utf8CodeUnitCount : nil
  }

  /// The literal as a piece, and where its closing quote stands.
  @inline(__always) private static func piece(
    _ bytes: UnsafeRawBufferPointer, from start: Int, scratch: ByteBuffer
  ) -> (TextPiece, closingQuote: Int)? {
    scratch.removeAll()
    let memory = scratch.reserve(bytes.count - start)
    guard let literal = JSONString.decodeToEnd(of: bytes, from: start, to: memory) else { return nil }
    let inside = UnsafeRawBufferPointer(rebasing: bytes[start..<literal.closingQuote])
    guard literal.hasEscapes else { return (TextPiece(inside), literal.closingQuote) }
    scratch.commit(literal.count)
    return (TextPiece(inside, text: scratch.bytes, hasLoneSurrogates: literal.hasLoneSurrogates), literal.closingQuote)
  }
}

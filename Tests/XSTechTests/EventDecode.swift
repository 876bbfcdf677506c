import Wire

@testable import XSTech

extension Event {
  /// As the gateway reads an event: by the scanner, and by the full parser what that declines.
  static func decode(_ data: UnsafeRawBufferPointer) throws(EventError) -> Event {
    if let piece = TextPieceScanner.scan(data, scratch: ByteBuffer()) { return .text(piece.inside, hasEscapes: piece.hasEscapes) }
    return try decodeFully(data)
  }
}

package enum Base64 {
  /// Checks standard base64 (RFC 4648, section 4; padding required, no white space) without decoding it.
  /// - Returns: the number of bytes it stands for; nil if it is malformed (non-zero trailing bits included).
  package static func decodedCount(_ text: UnsafeRawBufferPointer) -> Int? { fatalError("stub") }
  /// Decodes the first bytes, at most `limit` of them (for looking at an image's signature). The text must be valid.
  package static func decodePrefix(_ text: UnsafeRawBufferPointer, limit: Int) -> [UInt8] { fatalError("stub") }
  /// Decodes base64url without padding (RFC 4648, section 5), as JWTs use it; nil if malformed.
  package static func decodeURL(_ text: UnsafeRawBufferPointer) -> [UInt8]? { fatalError("stub") }
}

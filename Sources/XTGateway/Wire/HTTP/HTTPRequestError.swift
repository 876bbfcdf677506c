/// Why a request cannot be read. The connection is of no further use: where the next request begins is not known.
public enum HTTPRequestError: Error, Equatable, Sendable {
  /// 400; which rule was broken, in words.
  case malformed(String)
  /// 431: too many header bytes or fields.
  case headerTooLarge
  /// 414.
  case targetTooLong
  /// 413.
  case bodyTooLarge(limit: Int)
  /// 501 (RFC 9112, section 6.1).
  case unsupportedTransferCoding
  /// 505: not HTTP/1.
  case unsupportedVersion
}

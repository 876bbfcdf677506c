/// How a response's body ends and whether its connection can be used again, gathered field by field (RFC 9112, sections 6.3 and 9.3).
/// What makes the length doubtful is refused, as in requests.
struct HTTPResponseFraming {
  enum Body: Equatable { case none, length(Int), chunked, untilClose }

  private var contentLength: Int?
  private var hasTransferEncoding = false
  private var codings = 0
  private var endsInChunked = false
  private var saysClose = false

  mutating func note(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) throws(HTTPResponseError) {
    switch name.count {
    case 10: if ASCII.equalsIgnoringCase(name, "connection") { noteConnection(value) }
    case 14: if ASCII.equalsIgnoringCase(name, "content-length") { try noteLength(value) }
    case 17: if ASCII.equalsIgnoringCase(name, "transfer-encoding") { noteCodings(value) }
    default: break
    }
  }

  private mutating func noteConnection(_ value: UnsafeRawBufferPointer) {
    HTTPCharacters.forEachElement(of: value) { if ASCII.equalsIgnoringCase($0, "close") { saysClose = true } }
  }

  /// The same length said several times is taken as said once; a response has only one reader here.
  private mutating func noteLength(_ value: UnsafeRawBufferPointer) throws(HTTPResponseError) {
    guard let length = ASCII.decimal(value) else { throw .malformed("Content-Length is not a number") }
    guard contentLength == nil || contentLength == length else { throw .malformed("Content-Length fields that differ") }
    contentLength = length
  }

  private mutating func noteCodings(_ value: UnsafeRawBufferPointer) {
    hasTransferEncoding = true
    HTTPCharacters.forEachElement(of: value) { element in
      codings += 1
      endsInChunked = ASCII.equalsIgnoringCase(element, "chunked")
    }
  }

  func body(status: Int, minorVersion: Int, answersHead: Bool) throws(HTTPResponseError) -> Body {
    if hasTransferEncoding {
      guard minorVersion > 0 else { throw .malformed("Transfer-Encoding in HTTP/1.0") }
      guard contentLength == nil else { throw .malformed("both Transfer-Encoding and Content-Length") }
      guard codings == 1, endsInChunked else { throw .unsupportedTransferCoding }
    }
    if answersHead || HTTPStatus.hasNoBody(status) { return .none }
    if hasTransferEncoding { return .chunked }
    return contentLength.map { .length($0) } ?? .untilClose
  }

  func keepsAlive(minorVersion: Int) -> Bool { !saysClose && minorVersion > 0 }
}

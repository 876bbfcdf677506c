/// What the fields of a head say about the message as a whole, gathered field by field.
struct HTTPFraming {
  private var contentLength: Int?
  private var hasTransferEncoding = false
  /// How many codings there are, and whether the last is `chunked`.
  private var codings = 0
  private var hasUnknownCoding = false
  private var chunkedCount = 0
  private var endsInChunked = false
  private var hasHost = false
  private var saysClose = false
  private var saysKeepAlive = false
  private var continueExpected = false
  private(set) var hasUnknownExpectation = false

  mutating func note(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) throws(HTTPRequestError) {
    switch name.count {
    case 4: if ASCII.equalsIgnoringCase(name, "host") { try noteHost(value) }
    case 6: if ASCII.equalsIgnoringCase(name, "expect") { noteExpectation(value) }
    case 10: if ASCII.equalsIgnoringCase(name, "connection") { noteConnection(value) }
    case 14: if ASCII.equalsIgnoringCase(name, "content-length") { try noteLength(value) }
    case 17: if ASCII.equalsIgnoringCase(name, "transfer-encoding") { try noteCodings(value) }
    default: break
    }
  }

  private mutating func noteHost(_ value: UnsafeRawBufferPointer) throws(HTTPRequestError) {
    guard !hasHost else { throw .malformed("more than one Host field") }
    guard HTTPAuthority.isValid(value) else { throw .malformed("the Host field is not valid") }
    hasHost = true
  }

  private mutating func noteExpectation(_ value: UnsafeRawBufferPointer) {
    HTTPCharacters.forEachElement(of: value) { element in
      if ASCII.equalsIgnoringCase(element, "100-continue") { continueExpected = true } else { hasUnknownExpectation = true }
    }
  }

  private mutating func noteConnection(_ value: UnsafeRawBufferPointer) {
    HTTPCharacters.forEachElement(of: value) { element in
      if ASCII.equalsIgnoringCase(element, "close") { saysClose = true }
      if ASCII.equalsIgnoringCase(element, "keep-alive") { saysKeepAlive = true }
    }
  }

  /// Digits only, once: a second field or a list is refused even where the values agree (RFC 9112, section 6.3, leaves the choice).
  private mutating func noteLength(_ value: UnsafeRawBufferPointer) throws(HTTPRequestError) {
    guard contentLength == nil else { throw .malformed("more than one Content-Length field") }
    guard let length = ASCII.decimal(value) else { throw .malformed("Content-Length is not a number") }
    contentLength = length
  }

  private mutating func noteCodings(_ value: UnsafeRawBufferPointer) throws(HTTPRequestError) {
    hasTransferEncoding = true
    HTTPCharacters.forEachElement(of: value) { element in
      codings += 1
      endsInChunked = ASCII.equalsIgnoringCase(element, "chunked")
      if endsInChunked { chunkedCount += 1 } else { hasUnknownCoding = true }
    }
  }

  /// The length of the body (RFC 9112, section 6.3). Whatever makes it doubtful is refused, since a proxy in front may
  /// have decided otherwise (request smuggling, section 11.2).
  func framing(minorVersion: Int) throws(HTTPRequestError) -> HTTPRequestHead.Framing {
    guard hasHost || minorVersion == 0 else { throw .malformed("the Host field is missing") }
    guard hasTransferEncoding else {
      guard let contentLength else { return .none }
      return .length(contentLength)
    }
    guard minorVersion > 0 else { throw .malformed("Transfer-Encoding in HTTP/1.0") }
    guard contentLength == nil else { throw .malformed("both Transfer-Encoding and Content-Length") }
    guard codings > 0 else { throw .malformed("Transfer-Encoding is empty") }
    guard chunkedCount == 0 || (chunkedCount == 1 && endsInChunked) else {
      throw .malformed("chunked is not the last transfer coding")
    }
    guard !hasUnknownCoding else { throw .unsupportedTransferCoding }
    return .chunked
  }

  /// Persistence (RFC 9112, section 9.3).
  func keepsAlive(minorVersion: Int) -> Bool {
    !saysClose && (minorVersion > 0 || saysKeepAlive)
  }

  func expectsContinue(minorVersion: Int, framing: HTTPRequestHead.Framing) -> Bool {
    continueExpected && minorVersion > 0 && framing != .none && framing != .length(0)
  }
}

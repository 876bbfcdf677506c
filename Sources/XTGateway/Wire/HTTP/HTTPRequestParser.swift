#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Reads the heads of requests from bytes that come in pieces of any size.
///
/// It goes line by line: `memchr` for the line feed, and only the unfinished rest of a line outlives a call. The result never
/// depends on how the bytes were split. After an error it must not be used again.
package struct HTTPRequestParser: ~Copyable {
  package struct Limits: Sendable {
    /// Bytes of a whole head, request line included (431, or 414 in the request line).
    package var maxHeaderBytes: Int
    /// Fields of a head (431).
    package var maxHeaders: Int
    /// Bytes of a request target (414).
    package var maxURLBytes: Int

    package init(maxHeaderBytes: Int = 65536, maxHeaders: Int = 128, maxURLBytes: Int = 8192) {
      self.maxHeaderBytes = maxHeaderBytes
      self.maxHeaders = maxHeaders
      self.maxURLBytes = maxURLBytes
    }
  }

  private enum State {
    /// In front of a request line, or in it → `afterEmptyLine`, `fields`.
    case start
    /// The same, and the one empty line that may come first is behind us (RFC 9112, section 2.2) → `fields`.
    case afterEmptyLine
    /// → `start` with the empty line at the end.
    case fields
  }

  private let limits: Limits
  private var state = State.start
  /// Whole field lines without their ends, then the part of the current line that has arrived.
  private var block: [UInt8] = []
  private var index: [HTTPHeaders.Field] = []
  /// Where the current line begins in `block`.
  private var lineStart = 0
  /// Bytes of this head so far, line ends included.
  private var headBytes = 0
  private var requestLine: HTTPRequestLine?
  private var framing = HTTPFraming()

  package init(limits: Limits) { self.limits = limits }

  /// Whether a byte of an unfinished head has been taken. An empty line in front of it does not count.
  package var isMidHead: Bool { headBytes > (block.first == HTTPCharacters.carriageReturn ? 1 : 0) }

  /// Takes bytes up to the end of a head.
  /// - Parameter consumed: how many bytes of `input` were taken: all of them where no head is complete yet.
  /// - Returns: the head, as soon as it is complete.
  package mutating func parse(_ input: UnsafeRawBufferPointer, consumed: inout Int) throws(HTTPRequestError) -> HTTPRequestHead? {
    consumed = 0
    while consumed < input.count {
      let rest = UnsafeRawBufferPointer(rebasing: input[consumed...])
      guard let lineFeed = memchr(rest.baseAddress!, Int32(HTTPCharacters.lineFeed), rest.count) else {
        try keep(rest)
        consumed = input.count
        return nil
      }
      let length = UnsafeRawPointer(lineFeed) - rest.baseAddress!
      try keep(UnsafeRawBufferPointer(rebasing: rest[...length]))
      consumed += length + 1
      if try endLine() { return try finish() }
    }
    return nil
  }

  /// Appends a piece of a line, its line feed included, to the block. The limits are checked here, before the line is looked at, so
  /// that a line which comes in pieces fails like one that comes whole.
  private mutating func keep(_ piece: UnsafeRawBufferPointer) throws(HTTPRequestError) {
    if block.isEmpty, state != .fields { try checkFirst(piece[0]) }
    headBytes += piece.count
    switch state {
    case .start, .afterEmptyLine:
      // Room for the method, the version, the spaces and the line's end.
      let longest = limits.maxURLBytes + HTTPRequestLine.longestMethod + 12
      guard block.count + piece.count <= min(longest, limits.maxHeaderBytes) else { throw .targetTooLong }
    case .fields:
      guard headBytes <= limits.maxHeaderBytes else { throw .headerTooLarge }
    }
    if block.isEmpty { block.reserveCapacity(min(max(piece.count, 512), limits.maxHeaderBytes)) }
    block.append(contentsOf: piece)
  }

  /// Nothing but a method or an empty line can begin with this byte; a TLS hello, for one, is refused without waiting for a line feed.
  private func checkFirst(_ byte: UInt8) throws(HTTPRequestError) {
    let mayBeEmpty = state == .start && byte == HTTPCharacters.carriageReturn
    guard HTTPCharacters.isToken(byte) || mayBeEmpty else { throw .malformed("this is not an HTTP request") }
  }

  /// - Returns: whether this was the empty line at the end of the head.
  private mutating func endLine() throws(HTTPRequestError) -> Bool {
    let end = block.count - 2
    guard end >= lineStart, block[end] == HTTPCharacters.carriageReturn else { throw .malformed("a line does not end with CR LF") }
    block.removeLast(2)
    switch state {
    case .start where end == 0:
      // It counts towards no limit and not as the beginning of a request.
      headBytes = 0
      state = .afterEmptyLine
      return false
    case .start, .afterEmptyLine:
      requestLine = try parseRequestLine()
      block.removeAll(keepingCapacity: true)
      state = .fields
      return false
    case .fields:
      guard end > lineStart else { return true }
      try parseField(end: end)
      lineStart = end
      return false
    }
  }

  private func parseRequestLine() throws(HTTPRequestError) -> HTTPRequestLine {
    try withBytes(block, from: 0) { bytes throws(HTTPRequestError) in
      try HTTPRequestLine(bytes, maxURLBytes: limits.maxURLBytes)
    }
  }

  private mutating func parseField(end: Int) throws(HTTPRequestError) {
    guard index.count < limits.maxHeaders else { throw .headerTooLarge }
    let field = try withBytes(block, from: lineStart) { line throws(HTTPRequestError) in
      let parts = try HTTPFieldLine.split(line)
      try framing.note(
        name: UnsafeRawBufferPointer(rebasing: line[parts.name]), value: UnsafeRawBufferPointer(rebasing: line[parts.value]))
      return parts
    }
    if index.isEmpty { index.reserveCapacity(min(12, limits.maxHeaders)) }
    index.append(HTTPHeaders.Field(name: inBlock(field.name), value: inBlock(field.value)))
  }

  private func inBlock(_ range: Range<Int>) -> Range<UInt32> {
    UInt32(lineStart + range.lowerBound)..<UInt32(lineStart + range.upperBound)
  }

  private mutating func finish() throws(HTTPRequestError) -> HTTPRequestHead {
    guard let requestLine else { preconditionFailure("a head cannot end before its request line") }
    let minorVersion = requestLine.minorVersion
    let bodyFraming = try framing.framing(minorVersion: minorVersion)
    let head = HTTPRequestHead(
      method: requestLine.method, path: requestLine.target.path, query: requestLine.target.query, minorVersion: minorVersion,
      headers: HTTPHeaders(block: block, index: index), framing: bodyFraming,
      expectsContinue: framing.expectsContinue(minorVersion: minorVersion, framing: bodyFraming),
      hasUnknownExpectation: framing.hasUnknownExpectation && minorVersion > 0,
      keepsAlive: framing.keepsAlive(minorVersion: minorVersion), targetAuthority: requestLine.target.authority)
    reset()
    return head
  }

  private mutating func reset() {
    state = .start
    block = []
    index = []
    lineStart = 0
    headBytes = 0
    requestLine = nil
    framing = HTTPFraming()
  }
}

/// `withUnsafeBytes` with a typed error.
private func withBytes<R>(
  _ block: [UInt8], from start: Int, _ body: (UnsafeRawBufferPointer) throws(HTTPRequestError) -> R
) throws(HTTPRequestError) -> R {
  let result: Result<R, HTTPRequestError> = block.withUnsafeBytes { bytes in
    do throws(HTTPRequestError) {
      return .success(try body(UnsafeRawBufferPointer(rebasing: bytes[start...])))
    } catch {
      return .failure(error)
    }
  }
  return try result.get()
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Reads the heads of requests from bytes that come in pieces of any size.
///
/// It goes line by line: `memchr` for the line feed. A line is read where it came; only the unfinished rest of one is kept for the next
/// call. The result never depends on how the bytes were split. After an error it must not be used again.
public struct HTTPRequestParser: ~Copyable {
  public struct Limits: Sendable {
    /// Bytes of a whole head, request line included (431, or 414 in the request line).
    public var maxHeaderBytes: Int
    /// Fields of a head (431).
    public var maxHeaders: Int
    /// Bytes of a request target (414).
    public var maxURLBytes: Int

    public init(maxHeaderBytes: Int = 65536, maxHeaders: Int = 128, maxURLBytes: Int = 8192) {
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
  /// Whole field lines without their ends.
  private var block: [UInt8] = []
  private var index: [HTTPHeaders.Field] = []
  /// What earlier calls brought of the current line.
  private var lineBegin: [UInt8] = []
  /// Bytes of this head so far, line ends included.
  private var headBytes = 0
  private var requestLine: HTTPRequestLine?
  private var framing = HTTPFraming()

  public init(limits: Limits) { self.limits = limits }

  /// Whether a byte of an unfinished head has been taken. An empty line in front of it does not count.
  public var isMidHead: Bool { headBytes > (lineBegin.first == HTTPCharacters.carriageReturn ? 1 : 0) }

  /// Takes bytes up to the end of a head.
  /// - Parameter consumed: how many bytes of `input` were taken: all of them where no head is complete yet.
  /// - Returns: the head, as soon as it is complete.
  public mutating func parse(_ input: UnsafeRawBufferPointer, consumed: inout Int) throws(HTTPRequestError) -> HTTPRequestHead? {
    consumed = 0
    while consumed < input.count {
      let rest = UnsafeRawBufferPointer(rebasing: input[consumed...])
      guard let lineFeed = memchr(rest.baseAddress!, Int32(HTTPCharacters.lineFeed), rest.count) else {
        try admit(rest)
        lineBegin.append(contentsOf: rest)
        consumed = input.count
        return nil
      }
      let length = UnsafeRawPointer(lineFeed) - rest.baseAddress!
      consumed += length + 1
      if try take(UnsafeRawBufferPointer(rebasing: rest[...length])) { return try finish() }
    }
    return nil
  }

  /// The end of a line, or a whole one, its line feed included.
  /// - Returns: whether this was the empty line at the end of the head.
  private mutating func take(_ piece: UnsafeRawBufferPointer) throws(HTTPRequestError) -> Bool {
    try admit(piece)
    guard !lineBegin.isEmpty else { return try endLine(piece) }
    var line: [UInt8] = []
    swap(&line, &lineBegin)
    line.append(contentsOf: piece)
    let result: Result<Bool, HTTPRequestError> = line.withUnsafeBytes { line in
      do throws(HTTPRequestError) { return .success(try endLine(line)) } catch { return .failure(error) }
    }
    return try result.get()
  }

  /// Counts a piece of a line, its line feed included. The limits are checked here, before the line is looked at, so that a line which
  /// comes in pieces fails like one that comes whole.
  private mutating func admit(_ piece: UnsafeRawBufferPointer) throws(HTTPRequestError) {
    if lineBegin.isEmpty, state != .fields { try checkFirst(piece[0]) }
    headBytes += piece.count
    switch state {
    case .start, .afterEmptyLine:
      // Room for the method, the version, the spaces and the line's end.
      let longest = limits.maxURLBytes + HTTPRequestLine.longestMethod + 12
      guard lineBegin.count + piece.count <= min(longest, limits.maxHeaderBytes) else { throw .targetTooLong }
    case .fields:
      guard headBytes <= limits.maxHeaderBytes else { throw .headerTooLarge }
    }
  }

  /// Nothing but a method or an empty line can begin with this byte; a TLS hello, for one, is refused without waiting for a line feed.
  private func checkFirst(_ byte: UInt8) throws(HTTPRequestError) {
    let mayBeEmpty = state == .start && byte == HTTPCharacters.carriageReturn
    guard HTTPCharacters.isToken(byte) || mayBeEmpty else { throw .malformed("this is not an HTTP request") }
  }

  /// - Parameter whole: a line with its line feed.
  private mutating func endLine(_ whole: UnsafeRawBufferPointer) throws(HTTPRequestError) -> Bool {
    let end = whole.count - 2
    guard end >= 0, whole[end] == HTTPCharacters.carriageReturn else { throw .malformed("a line does not end with CR LF") }
    let line = UnsafeRawBufferPointer(rebasing: whole[..<end])
    switch state {
    case .start where end == 0:
      // It counts towards no limit and not as the beginning of a request.
      headBytes = 0
      state = .afterEmptyLine
      return false
    case .start, .afterEmptyLine:
      requestLine = try HTTPRequestLine(line, maxURLBytes: limits.maxURLBytes)
      state = .fields
      return false
    case .fields:
      guard end > 0 else { return true }
      try parseField(line)
      return false
    }
  }

  private mutating func parseField(_ line: UnsafeRawBufferPointer) throws(HTTPRequestError) {
    guard index.count < limits.maxHeaders else { throw .headerTooLarge }
    let parts = try HTTPFieldLine.split(line)
    try framing.note(
      name: UnsafeRawBufferPointer(rebasing: line[parts.name]), value: UnsafeRawBufferPointer(rebasing: line[parts.value]))
    if index.isEmpty {
      index.reserveCapacity(min(12, limits.maxHeaders))
      block.reserveCapacity(min(max(line.count, 512), limits.maxHeaderBytes))
    }
    let start = UInt32(block.count)
    block.append(contentsOf: line)
    index.append(HTTPHeaders.Field(name: Self.range(parts.name, from: start), value: Self.range(parts.value, from: start)))
  }

  private static func range(_ range: Range<Int>, from start: UInt32) -> Range<UInt32> {
    start + UInt32(range.lowerBound)..<start + UInt32(range.upperBound)
  }

  private mutating func finish() throws(HTTPRequestError) -> HTTPRequestHead {
    guard let requestLine = requestLine.take() else { preconditionFailure("a head cannot end before its request line") }
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
    headBytes = 0
    framing = HTTPFraming()
  }
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Reads responses from bytes that come in pieces of any size, as a strict recipient (RFC 9112), and hands out their bodies without
/// copying them. The result never depends on how the bytes were split. After an error it must not be used again.
public struct HTTPResponseParser: ~Copyable {
  public enum Event {
    /// The input is used up, and more has to come.
    case more
    /// The final response's head is complete: `takeHead()`.
    case head
    /// Bytes of the body, a part of the input.
    case body(UnsafeRawBufferPointer)
    /// There is body to hand out, which was not wanted; nothing of it was taken.
    case held
    /// The response is complete; what is left of the input does not belong to it. `reset` begins the next.
    case end
  }

  private enum State {
    /// Before the end of a status line → `fields`.
    case statusLine
    /// → `statusLine` behind a 1xx head; `length`, `chunkLine`, `untilClose`, `done` behind a final one.
    case fields
    /// `remaining` bytes of body to come → `done`.
    case length
    /// In the line in front of a chunk's data → `data`, or `trailers` after the last chunk.
    case chunkLine
    /// `remaining` bytes of a chunk to come → `dataCR`.
    case data
    /// → `dataLF`.
    case dataCR
    /// → `chunkLine`.
    case dataLF
    /// The lines behind the last chunk → `done`.
    case trailers
    /// → `done` by `finish`.
    case untilClose
    case done
  }

  /// Bytes that one chunk's line may have, extensions included.
  static let maxChunkLineBytes = 4096
  private static let version: StaticString = "HTTP/1."
  /// As it lies in memory.
  @inline(__always) private static var lineEnd: UInt16 { UInt16(littleEndian: 0x0A0D) }

  private var state = State.statusLine
  private var chunkLineBytes = 0
  private var remaining = 0
  private let maxHeaderBytes: Int
  /// Bytes of header lines so far, of 1xx heads and trailers too.
  private var headerBytes = 0
  private var status = 0
  private var minorVersion = 0
  private let answersHead: Bool
  /// The part of a header line that came without its end.
  private var partial: ByteBuffer?
  private var fields = HTTPReceivedFields()
  private var framing = HTTPResponseFraming()
  private var chunkLine = HTTPChunkLine()
  private var trailers = HTTPTrailerLines()

  /// - Parameter answersHead: these are responses to HEAD, which have no body whatever they say.
  public init(maxHeaderBytes: Int, answersHead: Bool = false) {
    (self.maxHeaderBytes, self.answersHead) = (maxHeaderBytes, answersHead)
  }

  /// Whether any byte of a response has come, be it of an interim one.
  public var hasBegun: Bool { headerBytes > 0 }

  /// Whether the connection can be used again behind a complete response.
  public var keepsAlive: Bool { state == .done && framing.keepsAlive(minorVersion: minorVersion) }

  /// Behind `head`.
  public func head() -> HTTPReceivedHead { fields.head(status: status, endsWithConnection: state == .untilClose) }

  /// The next response begins.
  public mutating func reset() { self = HTTPResponseParser(maxHeaderBytes: maxHeaderBytes, answersHead: answersHead) }

  /// Takes bytes off the front of `input` up to the next event.
  /// - Parameter holdsBody: body is not wanted now.
  public mutating func next(_ input: inout UnsafeRawBufferPointer, holdsBody: Bool = false) throws(HTTPResponseError) -> Event {
    while true {
      switch state {
      case .length, .data, .untilClose:
        if input.isEmpty { return .more }
        return holdsBody ? .held : takeBody(&input)
      case .done: return .end
      case .statusLine, .fields:
        guard let line = try takeLine(&input) else { return .more }
        if try endLine(line) { return .head }
      case .chunkLine, .dataCR, .dataLF, .trailers:
        if input.isEmpty { return .more }
        try takeFraming(&input)
      }
    }
  }

  /// What most reads of a stream bring: one whole chunk, and nothing else. Equal to what `next` makes of it, in one step.
  /// - Returns: the chunk's data; nil for everything else, of which nothing was taken.
  @inline(__always) public mutating func takeSingleChunk(_ input: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    guard state == .chunkLine, chunkLineBytes == 0, let line = Self.plainChunkLine(input), line.size > 0,
      line.size == input.count - line.length - 2, let base = input.baseAddress,
      base.loadUnaligned(fromByteOffset: input.count - 2, as: UInt16.self) == Self.lineEnd
    else { return nil }
    return UnsafeRawBufferPointer(start: base + line.length, count: line.size)
  }

  /// The connection ended. Returns whether the response is complete.
  public mutating func finish() -> Bool {
    if state == .untilClose {
      state = .done
      framing = HTTPResponseFraming()
      // There is no connection to be kept.
      minorVersion = 0
    }
    return state == .done
  }

  // MARK: Body

  private mutating func takeBody(_ input: inout UnsafeRawBufferPointer) -> Event {
    let body: UnsafeRawBufferPointer
    if state == .untilClose || input.count < remaining {
      body = input
      input = UnsafeRawBufferPointer(rebasing: input[input.count...])
      if state != .untilClose { remaining -= body.count }
    } else {
      body = UnsafeRawBufferPointer(rebasing: input[..<remaining])
      input = UnsafeRawBufferPointer(rebasing: input[remaining...])
      remaining = 0
      state = state == .data ? .dataCR : .done
    }
    return .body(body)
  }

  /// What encloses the data of a chunked body.
  private mutating func takeFraming(_ input: inout UnsafeRawBufferPointer) throws(HTTPResponseError) {
    if state == .dataCR, input.count >= 2, input.loadUnaligned(as: UInt16.self) == Self.lineEnd {
      input = UnsafeRawBufferPointer(rebasing: input[2...])
      state = .chunkLine
      if input.isEmpty { return }
    }
    if state == .chunkLine, chunkLineBytes == 0, let line = Self.plainChunkLine(input) {
      input = UnsafeRawBufferPointer(rebasing: input[line.length...])
      return beginChunk(line.size)
    }
    let byte = input[0]
    input = UnsafeRawBufferPointer(rebasing: input[1...])
    do throws(HTTPRequestError) { try step(byte) } catch { throw HTTPResponseError(error) }
  }

  /// A size and its line end, as nearly every chunk has them, if they are there completely.
  private static func plainChunkLine(_ input: UnsafeRawBufferPointer) -> (size: Int, length: Int)? {
    var (size, index) = (0, 0)
    while index < input.count, let digit = ASCII.hexadecimal(input[index]) {
      // Longer ones are looked at byte by byte, which refuses them.
      guard index < 15 else { return nil }
      size = size << 4 | Int(digit)
      index += 1
    }
    guard index > 0, index + 1 < input.count, input[index] == HTTPCharacters.carriageReturn,
      input[index + 1] == HTTPCharacters.lineFeed
    else { return nil }
    return (size, index + 2)
  }

  private mutating func beginChunk(_ size: Int) {
    chunkLine = HTTPChunkLine()
    chunkLineBytes = 0
    remaining = size
    state = size > 0 ? .data : .trailers
  }

  /// One byte of what encloses the data.
  private mutating func step(_ byte: UInt8) throws(HTTPRequestError) {
    switch state {
    case .chunkLine:
      chunkLineBytes += 1
      guard chunkLineBytes <= Self.maxChunkLineBytes else { throw .malformed("a chunk's size line is too long") }
      if try chunkLine.take(byte) { beginChunk(chunkLine.size) }
    case .dataCR:
      guard byte == HTTPCharacters.carriageReturn else { throw .malformed("a chunk is longer than its size says") }
      state = .dataLF
    case .dataLF:
      guard byte == HTTPCharacters.lineFeed else { throw .malformed("a chunk does not end with CR LF") }
      state = .chunkLine
    case .trailers:
      headerBytes += 1
      guard headerBytes <= maxHeaderBytes else { throw .headerTooLarge }
      if try trailers.take(byte) { state = .done }
    case .statusLine, .fields, .length, .data, .untilClose, .done:
      preconditionFailure("not between data")
    }
  }

  // MARK: Head

  /// The next line without its end; nil while it is not complete. Valid until the next call.
  private mutating func takeLine(_ input: inout UnsafeRawBufferPointer) throws(HTTPResponseError) -> UnsafeRawBufferPointer? {
    guard let base = input.baseAddress, !input.isEmpty else { return nil }
    if state == .statusLine { try checkStart(input) }
    let lineFeed = memchr(base, Int32(HTTPCharacters.lineFeed), input.count)
    let length = lineFeed.map { UnsafeRawPointer($0) - base + 1 } ?? input.count
    headerBytes += length
    guard headerBytes <= maxHeaderBytes else { throw .headerTooLarge }
    var line = UnsafeRawBufferPointer(rebasing: input[..<length])
    input = UnsafeRawBufferPointer(rebasing: input[length...])
    if lineFeed == nil || partial?.isEmpty == false {
      let partial = self.partial ?? ByteBuffer()
      self.partial = partial
      partial.append(line)
      line = partial.bytes
    }
    guard lineFeed != nil else { return nil }
    guard line.count >= 2, line[line.count - 2] == HTTPCharacters.carriageReturn else {
      throw .malformed("a line does not end with CR LF")
    }
    return UnsafeRawBufferPointer(rebasing: line.dropLast(2))
  }

  /// Whatever is not HTTP/1 is refused without waiting for a line's end. What lies behind the limit for header lines is not looked
  /// at: it may come later as well, and the limit would be met first.
  private func checkStart(_ input: UnsafeRawBufferPointer) throws(HTTPResponseError) {
    let known = partial?.count ?? 0
    let length = Self.version.utf8CodeUnitCount - known
    guard length > 0, known > 0 || !input.starts(withText: Self.version) else { return }
    let start = input.prefix(min(length, maxHeaderBytes - headerBytes))
    for (index, byte) in start.enumerated() where byte != Self.version.utf8Start[known + index] {
      throw .malformed("this is not an HTTP/1 response")
    }
  }

  /// - Returns: whether the final response's head is complete.
  private mutating func endLine(_ line: UnsafeRawBufferPointer) throws(HTTPResponseError) -> Bool {
    defer { partial?.removeAll() }
    if state == .statusLine {
      try parseStatusLine(line)
      state = .fields
      return false
    }
    guard line.isEmpty else {
      try parseField(line)
      return false
    }
    guard status >= 200 else {
      // 101 is final, as the connection speaks something else from here on, and nobody asked for it (RFC 9110, section 15.2.2).
      guard status != 101 else { throw .malformed("101 without an upgrade") }
      state = .statusLine
      return false
    }
    partial = nil
    switch try framing.body(status: status, minorVersion: minorVersion, answersHead: answersHead) {
    case .none, .length(0): state = .done
    case .length(let length): (state, remaining) = (.length, length)
    case .chunked: state = .chunkLine
    case .untilClose: state = .untilClose
    }
    return true
  }

  /// `HTTP/1.1 200 OK` (RFC 9112, section 4); the space behind the status may be missing, as it often is.
  private mutating func parseStatusLine(_ line: UnsafeRawBufferPointer) throws(HTTPResponseError) {
    let start = Self.version.utf8CodeUnitCount
    guard line.count >= start + 5, HTTPCharacters.isDigit(line[start]), line[start + 1] == 0x20,
      let status = ASCII.decimal(UnsafeRawBufferPointer(rebasing: line[(start + 2)..<(start + 5)])), (100...599).contains(status),
      line.count == start + 5 || line[start + 5] == 0x20, line[(start + 5)...].allSatisfy(HTTPCharacters.isFieldValue)
    else { throw .malformed("the status line is not valid") }
    self.status = status
    minorVersion = line[start] == UInt8(ascii: "0") ? 0 : 1
  }

  /// Fields of interim responses are checked and dropped.
  private mutating func parseField(_ line: UnsafeRawBufferPointer) throws(HTTPResponseError) {
    let parts: (name: Range<Int>, value: Range<Int>)
    do throws(HTTPRequestError) { parts = try HTTPFieldLine.split(line) } catch { throw HTTPResponseError(error) }
    guard status >= 200 else { return }
    let name = UnsafeRawBufferPointer(rebasing: line[parts.name])
    let value = UnsafeRawBufferPointer(rebasing: line[parts.value])
    try framing.note(name: name, value: value)
    fields.note(name: name, value: value)
  }
}

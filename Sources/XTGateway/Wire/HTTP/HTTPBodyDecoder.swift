/// Reads a request's body from bytes that come in pieces of any size, and finds its end.
///
/// What encloses the data of a chunked body is read byte by byte (it is short), the data itself in runs. Chunk extensions and
/// trailers are checked, bounded and dropped. After an error it must not be used again.
public struct HTTPBodyDecoder {
  private enum State: Equatable {
    /// Content-Length with so many bytes to come → `done`.
    case length(Int)
    /// The line in front of a chunk's data → `data`, or `trailers` after the last chunk.
    case chunkLine(HTTPChunkLine)
    /// So many bytes of a chunk to come → `dataCR`.
    case data(Int)
    /// The CR behind a chunk's data → `dataLF`.
    case dataCR
    /// → `chunkLine`.
    case dataLF
    /// The lines behind the last chunk → `done`.
    case trailers(HTTPTrailerLines)
    /// The body is complete.
    case done
  }

  /// Bytes of chunk extensions that one body may have. They are of no use to us, and a chunk of one byte could carry any number.
  static let maxExtensionBytes = 4096
  /// Bytes of trailers that one body may have.
  static let maxTrailerBytes = 8192

  private var state: State
  /// Bytes of body data so far.
  public private(set) var decodedBytes = 0
  private var extensionBytes = 0
  private var trailerBytes = 0

  public init(_ framing: HTTPRequestHead.Framing) {
    switch framing {
    case .none, .length(0): state = .done
    case .length(let count): state = .length(count)
    case .chunked: state = .chunkLine(HTTPChunkLine())
    }
  }

  public var isComplete: Bool { state == .done }

  /// How many bytes are still to come; nil where only the body's end will tell.
  public var remainingBytes: Int? {
    switch state {
    case .length(let count): count
    case .done: 0
    case .chunkLine, .data, .dataCR, .dataLF, .trailers: nil
    }
  }

  /// Takes bytes up to the end of the body.
  /// - Parameters:
  ///   - body: where the data goes; nil drops it.
  ///   - limit: how many bytes of data the body may have in all; a Content-Length or chunk size beyond it fails before its data comes.
  /// - Returns: how many bytes of `input` were taken: all of them where the body is not complete yet.
  public mutating func decode(_ input: UnsafeRawBufferPointer, into body: ByteBuffer?, limit: Int) throws(HTTPRequestError) -> Int {
    var offset = 0
    while offset < input.count {
      switch state {
      case .length(let count):
        guard count <= limit - decodedBytes else { throw .bodyTooLarge(limit: limit) }
        let taken = take(input, offset, count, body)
        offset += taken
        state = taken == count ? .done : .length(count - taken)
      case .data(let count):
        let taken = take(input, offset, count, body)
        offset += taken
        state = taken == count ? .dataCR : .data(count - taken)
      case .chunkLine, .dataCR, .dataLF, .trailers:
        try step(input[offset], limit: limit)
        offset += 1
      case .done:
        return offset
      }
    }
    return offset
  }

  private mutating func take(_ input: UnsafeRawBufferPointer, _ offset: Int, _ count: Int, _ body: ByteBuffer?) -> Int {
    let taken = min(count, input.count - offset)
    body?.append(UnsafeRawBufferPointer(rebasing: input[offset..<(offset + taken)]))
    decodedBytes += taken
    return taken
  }

  /// One byte of what encloses the data.
  private mutating func step(_ byte: UInt8, limit: Int) throws(HTTPRequestError) {
    switch state {
    case .chunkLine(var line):
      let isEnd = try line.take(byte)
      if line.isInExtension { try countExtensionByte() }
      state = isEnd ? try afterChunkLine(size: line.size, limit: limit) : .chunkLine(line)
    case .dataCR:
      guard byte == HTTPCharacters.carriageReturn else { throw .malformed("a chunk is longer than its size says") }
      state = .dataLF
    case .dataLF:
      guard byte == HTTPCharacters.lineFeed else { throw .malformed("a chunk does not end with CR LF") }
      state = .chunkLine(HTTPChunkLine())
    case .trailers(var lines):
      trailerBytes += 1
      guard trailerBytes <= Self.maxTrailerBytes else { throw .headerTooLarge }
      state = try lines.take(byte) ? .done : .trailers(lines)
    case .length, .data, .done:
      preconditionFailure("not between data")
    }
  }

  private func afterChunkLine(size: Int, limit: Int) throws(HTTPRequestError) -> State {
    guard size > 0 else { return .trailers(HTTPTrailerLines()) }
    guard size <= limit - decodedBytes else { throw .bodyTooLarge(limit: limit) }
    return .data(size)
  }

  private mutating func countExtensionByte() throws(HTTPRequestError) {
    extensionBytes += 1
    guard extensionBytes <= Self.maxExtensionBytes else { throw .malformed("the chunk extensions are too long") }
  }
}

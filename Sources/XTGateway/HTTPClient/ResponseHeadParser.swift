import Wire

/// Picks out of header lines, which libcurl has framed already, what the client hands on. Knows no libcurl.
struct ResponseHeadParser {
  enum Step {
    case more
    /// The empty line behind a final response's header. Comes once.
    case head(HTTPClientResponseHead)
    /// No status line where one must stand, or longer than the limit.
    case invalid
  }

  private enum State {
    /// Before a status line. Next: `fields`.
    case status
    /// Behind a final status line. Next: `done`; `status` where it was 1xx, whose fields mean nothing here (RFC 9110 15.2).
    case fields(Int)
    /// The head was handed out; what comes now are trailers, which are skipped.
    case done
  }

  private var state = State.status
  private var bytesLeft: Int
  private var fields = HTTPReceivedFields()

  init(maxBytes: Int) { bytesLeft = maxBytes }

  /// Whether the head was handed out.
  var isDone: Bool { if case .done = state { true } else { false } }

  /// `line`: one complete line with its end.
  mutating func receive(_ line: UnsafeRawBufferPointer) -> Step {
    bytesLeft -= line.count
    guard bytesLeft >= 0 else { return .invalid }
    let line = Self.trim(line)
    switch state {
    case .done: return .more
    case .status:
      guard let status = Self.status(line) else { return .invalid }
      state = .fields(status)
      return .more
    case .fields(let status):
      guard line.isEmpty else {
        if status >= 200 { field(line) }
        return .more
      }
      // 101 is final (the connection speaks something else from here on), and nobody asked for it.
      guard status >= 200 else {
        state = .status
        return status == 101 ? .invalid : .more
      }
      state = .done
      return .head(fields.head(status: status))
    }
  }

  /// `HTTP/1.1 200 OK`, `HTTP/2 200` (RFC 9112 4).
  private static func status(_ line: UnsafeRawBufferPointer) -> Int? {
    guard line.count >= 5, ASCII.equalsIgnoringCase(slice(line, 0, 5), "HTTP/"),
      let space = line.firstIndex(of: UInt8(ascii: " ")), line.count >= space + 4,
      line.count == space + 4 || line[space + 4] == UInt8(ascii: " "),
      let status = ASCII.decimal(slice(line, space + 1, space + 4)), (100...599).contains(status)
    else { return nil }
    return status
  }

  private mutating func field(_ line: UnsafeRawBufferPointer) {
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return }
    fields.note(name: Self.slice(line, 0, colon), value: Self.trim(Self.slice(line, colon + 1, line.count)))
  }

  private static func slice(_ bytes: UnsafeRawBufferPointer, _ from: Int, _ to: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[from..<to])
  }

  private static func trim(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0d || byte == 0x0a }
    var (from, to) = (0, bytes.count)
    while to > from, isSpace(bytes[to - 1]) { to -= 1 }
    while from < to, isSpace(bytes[from]) { from += 1 }
    return slice(bytes, from, to)
  }
}

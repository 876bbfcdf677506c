import Wire

/// An HTTP/1.1 response, as far as a load generator needs it: resumable at any byte. A pure value but for its buffer.
struct ResponseParser {
  struct Malformed: Error { let reason: StaticString }

  private enum Body { case length(Int), chunked, untilClose }
  /// - head → length, untilClose, chunkSize or complete
  /// - chunkSize → chunkExtension, chunkSizeEnd; those → chunkData or trailer
  /// - chunkData → chunkDataEnd → chunkSize
  /// - trailer → complete
  private enum State {
    case head, length(Int), untilClose, complete
    case chunkSize(Int, digits: Int), chunkExtension(Int), chunkSizeEnd(Int), chunkData(Int), chunkDataEnd(Int)
    /// Bytes of the line so far, without its end.
    case trailer(Int)
  }

  private static let headLimit = 65536

  private var state = State.head
  private let pending = ByteBuffer()
  private(set) var status = 0
  private(set) var keepsAlive = true
  private(set) var contentType = ""

  init() {}

  var isComplete: Bool { if case .complete = state { true } else { false } }
  var hasHead: Bool { if case .head = state { false } else { true } }
  /// Whether a closed connection is the body's proper end.
  var mayEndByClosing: Bool { if case .untilClose = state { true } else { false } }

  /// Takes bytes and hands out those of the body, with the status. What comes behind a complete response is a mistake.
  mutating func feed(_ bytes: UnsafeRawBufferPointer, _ onBody: (UnsafeRawBufferPointer, Int) -> Void) throws(Malformed) {
    var rest = bytes
    while !rest.isEmpty {
      switch state {
      case .head: rest = try feedHead(rest)
      case .complete: throw Malformed(reason: "bytes behind the response")
      case .untilClose:
        onBody(rest, status)
        return
      case .length(let left):
        let part = UnsafeRawBufferPointer(rebasing: rest.prefix(left))
        onBody(part, status)
        state = left == part.count ? .complete : .length(left - part.count)
        rest = UnsafeRawBufferPointer(rebasing: rest[part.count...])
      case .chunkData(let left):
        let part = UnsafeRawBufferPointer(rebasing: rest.prefix(left))
        onBody(part, status)
        state = left == part.count ? .chunkDataEnd(0) : .chunkData(left - part.count)
        rest = UnsafeRawBufferPointer(rebasing: rest[part.count...])
      case .chunkSize, .chunkExtension, .chunkSizeEnd, .chunkDataEnd, .trailer:
        try feedFraming(rest[0])
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst())
      }
    }
  }

  private mutating func feedFraming(_ byte: UInt8) throws(Malformed) {
    switch (state, byte) {
    case (.chunkSize(let size, let digits), _) where hexadecimal(byte) != nil && digits < 8:
      state = .chunkSize(size << 4 | hexadecimal(byte)!, digits: digits + 1)
    case (.chunkSize(let size, 1...), 0x0D), (.chunkExtension(let size), 0x0D): state = .chunkSizeEnd(size)
    case (.chunkSize(let size, 1...), UInt8(ascii: ";")), (.chunkSize(let size, 1...), 0x20): state = .chunkExtension(size)
    case (.chunkExtension, 0x0A): throw Malformed(reason: "chunk extension")
    case (.chunkExtension, _): break
    case (.chunkSizeEnd(0), 0x0A): state = .trailer(0)
    case (.chunkSizeEnd(let size), 0x0A): state = .chunkData(size)
    case (.chunkDataEnd(0), 0x0D): state = .chunkDataEnd(1)
    case (.chunkDataEnd(1), 0x0A): state = .chunkSize(0, digits: 0)
    case (.trailer(let length), 0x0A): state = length == 0 ? .complete : .trailer(0)
    case (.trailer, 0x0D): break
    case (.trailer(let length), _): state = .trailer(length + 1)
    default: throw Malformed(reason: "chunked framing")
    }
  }

  private func hexadecimal(_ byte: UInt8) -> Int? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte) - 0x30
    case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte) - 0x61 + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte) - 0x41 + 10
    default: nil
    }
  }

  /// Collects the head up to its empty line; returns what lies behind it.
  private mutating func feedHead(_ bytes: UnsafeRawBufferPointer) throws(Malformed) -> UnsafeRawBufferPointer {
    for index in bytes.indices {
      pending.append(bytes[index])
      guard bytes[index] == 0x0A, pending.bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) else { continue }
      let head = pending.text
      pending.removeAll()
      try readHead(head)
      return UnsafeRawBufferPointer(rebasing: bytes[(index + 1)...])
    }
    guard pending.count <= Self.headLimit else { throw Malformed(reason: "head too large") }
    return UnsafeRawBufferPointer(start: nil, count: 0)
  }

  private mutating func readHead(_ head: String) throws(Malformed) {
    // CR LF is one Character, so lines are split by it.
    let lines = head.split(separator: "\r\n")
    let parts = lines.first?.split(separator: " ", maxSplits: 2) ?? []
    guard parts.count >= 2, parts[0].hasPrefix("HTTP/1."), let status = Int(parts[1]), (100...599).contains(status) else {
      throw Malformed(reason: "status line")
    }
    if status < 200 { return }
    self.status = status
    keepsAlive = parts[0] == "HTTP/1.1"
    var body = Body.untilClose
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { throw Malformed(reason: "header field") }
      let value = line[line.index(after: colon)...].drop { $0 == " " }
      switch line[..<colon].lowercased() {
      case "content-length":
        guard let length = Int(value), length >= 0 else { throw Malformed(reason: "content-length") }
        body = .length(length)
      case "transfer-encoding": body = .chunked
      case "connection": keepsAlive = value.lowercased() != "close"
      case "content-type": contentType = String(value)
      default: break
      }
    }
    switch body {
    case .length(0): state = .complete
    case .length(let length): state = .length(length)
    case .chunked: state = .chunkSize(0, digits: 0)
    case .untilClose: state = .untilClose
    }
  }
}

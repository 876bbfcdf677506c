import Wire

/// A request's body in parts, as libcurl draws it. A short one is put together once, so that it leaves in one send with the head.
struct UploadBody {
  /// Below libcurl's own limit for sending head and body together (64 KiB).
  static let shortLimit = 64 * 1024 - 1

  let parts: [HTTPClientBodyPart]
  let count: Int
  /// The whole of a short body; nil if it is long, or empty.
  let short: ByteBuffer?
  private var part = 0
  /// Bytes of the current part that were drawn.
  private var offset = 0

  init(_ parts: [HTTPClientBodyPart]) {
    self.parts = parts
    count = parts.reduce(0) { $0 + $1.range.count }
    guard (1...Self.shortLimit).contains(count) else {
      short = nil
      return
    }
    let all = ByteBuffer(capacity: count)
    for part in parts { all.append(part.bytes) }
    short = all
  }

  /// Copies the next bytes; 0: the end.
  mutating func read(into target: UnsafeMutableRawBufferPointer) -> Int {
    var filled = 0
    while filled < target.count, part < parts.count {
      let rest = parts[part].bytes.dropFirst(offset)
      let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(target.count - filled))
      UnsafeMutableRawBufferPointer(rebasing: target[filled...]).copyMemory(from: piece)
      filled += piece.count
      offset += piece.count
      if piece.count == rest.count { (part, offset) = (part + 1, 0) }
    }
    return filled
  }

  mutating func rewind() { (part, offset) = (0, 0) }
}

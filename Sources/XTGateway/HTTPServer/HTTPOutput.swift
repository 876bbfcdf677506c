import Wire

/// What a connection has to send: at most one buffer that gathers bytes and one that the socket is working on.
///
/// A chunk is opened with a size field of fixed width, which is filled in when the chunk is closed, so that its data is appended
/// in place and never moved.
struct HTTPOutput {
  /// Bytes given to the socket at once, so that even a slow client shows progress.
  static let sliceBytes = 65536
  private static let sizeField: StaticString = "0000\r\n"
  private static let sizeFieldBytes = 6

  private(set) var buffer: ByteBuffer?
  /// Bytes that `TCPConnection.write` holds.
  var inFlight = 0
  /// True from the high-water mark to the low-water mark.
  var isBackedUp = false
  /// Where the open chunk's size field begins in the readable bytes of `buffer`; -1 if no chunk is open. Nothing is taken from the front meanwhile.
  private var chunk = -1

  var unsentBytes: Int { inFlight + (buffer?.count ?? 0) }

  /// Where to append.
  @inline(__always) mutating func open(_ pool: ByteBufferPool) -> ByteBuffer {
    if let buffer { return buffer }
    let lent = pool.take()
    buffer = lent
    return lent
  }

  @inline(__always) mutating func openChunk(_ pool: ByteBufferPool) -> ByteBuffer {
    let buffer = open(pool)
    guard chunk < 0 else { return buffer }
    chunk = buffer.count
    buffer.append(Self.sizeField)
    return buffer
  }

  /// - Returns: whether a chunk is open, which has got the bytes.
  @inline(__always) func appendToOpenChunk(
    _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, _ third: UnsafeRawBufferPointer
  ) -> Bool {
    guard chunk >= 0, let buffer else { return false }
    buffer.append(first, second, third)
    return true
  }

  mutating func closeChunk() { if let buffer { closeChunk(in: buffer) } }

  /// Fills in the size of the open chunk; a chunk without data is taken back, since it would end the body.
  @inline(__always) private mutating func closeChunk(in buffer: ByteBuffer) {
    guard chunk >= 0 else { return }
    let size = buffer.count - chunk - Self.sizeFieldBytes
    if size == 0 {
      buffer.removeLast(Self.sizeFieldBytes)
    } else {
      if size > 0xFFFF { Self.widen(buffer, at: chunk) }
      Self.fill(buffer.mutableBytes, at: chunk, size)
      buffer.append("\r\n")
    }
    chunk = -1
  }

  /// Gives the gathering buffer away.
  mutating func takeBuffer() -> ByteBuffer? { buffer.take() }

  /// The gathering buffer, its chunk closed, is the caller's until `putBack`.
  mutating func takeClosed() -> ByteBuffer? {
    guard let taken = buffer.take() else { return nil }
    closeChunk(in: taken)
    return taken
  }

  mutating func putBack(_ taken: consuming ByteBuffer) { buffer = taken }

  /// Makes room for a size field of eight digits; only a chunk of more than 65535 bytes needs it, and its data is moved this once.
  private static func widen(_ buffer: ByteBuffer, at chunk: Int) {
    buffer.append("0000")
    let bytes = buffer.mutableBytes
    let from = UnsafeRawBufferPointer(rebasing: bytes[(chunk + 4)..<(bytes.count - 4)])
    UnsafeMutableRawBufferPointer(rebasing: bytes[(chunk + 8)...]).copyMemory(from: from)
  }

  /// Writes `size` in hexadecimal: four digits, or eight where there is room for them.
  private static func fill(_ bytes: UnsafeMutableRawBufferPointer, at chunk: Int, _ size: Int) {
    let digits = ASCII.hexadecimalDigits(UInt64(size & 0xFFFF_FFFF))
    if size > 0xFFFF {
      bytes.storeBytes(of: digits.bigEndian, toByteOffset: chunk, as: UInt64.self)
    } else {
      bytes.storeBytes(of: UInt32(truncatingIfNeeded: digits).bigEndian, toByteOffset: chunk, as: UInt32.self)
    }
  }
}

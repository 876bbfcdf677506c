public enum SSEError: Error, Equatable { case lineTooLong(limit: Int) }

/// Splits an event stream into events (WHATWG HTML, "Server-sent events"); hands out only their `data`.
/// Resumable at any byte. An event that lies whole in what was fed, with one `data` line, is handed out in place, uncopied.
/// Bytes that are not UTF-8 are handed out as they are. A copy shares its buffers: use one of the two only.
public struct SSEDecoder {
  private let limit: Int
  /// The beginning of a line whose end was not fed yet.
  private var line = LazyByteBuffer()
  /// The current event's data in what is being fed now, as long as it is one line there; nil between calls.
  private var held: UnsafeRawBufferPointer?
  /// The current event's data otherwise, if `hasData`.
  private var data = LazyByteBuffer()
  private var hasData = false
  /// A CR ended what was fed: a LF at the beginning of what comes belongs to it.
  private var skipsLineFeed = false
  /// How many bytes of a byte order mark have come; 3 once the question is settled.
  private var markBytes = 0
  private var isStopped = false

  /// Whether what is fed next begins an event, so that whole events at its beginning may be taken off it by other means.
  @inline(__always) public var isBetweenEvents: Bool {
    line.isEmpty && !hasData && !skipsLineFeed && markBytes == 3 && !isStopped
  }

  /// - Parameter maxLineBytes: longest line, and longest data of one event.
  public init(maxLineBytes: Int) { limit = maxLineBytes }

  /// Hands each complete event's data to `onData` (valid during the call); stops at once, dropping the rest, when it returns false.
  /// After that, and after an error, nothing is handed out any more.
  public mutating func feed(_ bytes: UnsafeRawBufferPointer, _ onData: (UnsafeRawBufferPointer) -> Bool) throws(SSEError) {
    guard !isStopped, let base = bytes.baseAddress, !bytes.isEmpty else { return }
    var index = markBytes < 3 ? skipMark(bytes) : 0
    if skipsLineFeed && index < bytes.count {
      skipsLineFeed = false
      if bytes[index] == 0x0A { index += 1 }
    }
    var ends = LineEnds(bytes)
    while index < bytes.count, let end = ends.next(from: index) {
      let part = UnsafeRawBufferPointer(start: base + index, count: end - index)
      index = end + 1
      if base.load(fromByteOffset: end, as: UInt8.self) == 0x0D {
        if index == bytes.count { skipsLineFeed = true } else if bytes[index] == 0x0A { index += 1 }
      }
      if part.isEmpty && line.isEmpty {
        guard dispatch(onData) else { return stop() }
      } else {
        try take(part)
      }
    }
    if index < bytes.count { try keep(UnsafeRawBufferPointer(rebasing: bytes[index...])) }
    if held != nil { copyHeld() }
  }

  /// Data of an event whose lines were complete when the stream ended but whose blank line was missing. The standard drops
  /// it; a caller who would rather not lose text may take it. An unfinished last line counts as complete here.
  /// Nothing is handed out if that line makes the data longer than the limit.
  public mutating func finish(_ onData: (UnsafeRawBufferPointer) -> Bool) {
    guard !isStopped else { return }
    if !line.isEmpty {
      do { try take(UnsafeRawBufferPointer(start: nil, count: 0)) } catch { return }
    }
    _ = dispatch(onData)
    stop()
  }

  // MARK: - Lines

  /// A line's last part; what came before it is in `line`.
  private mutating func take(_ part: UnsafeRawBufferPointer) throws(SSEError) {
    if line.isEmpty {
      guard part.count <= limit else { throw fail() }
      guard let value = Self.dataValue(part) else { return }
      if held == nil && !hasData { held = value } else { try join(value) }
      return
    }
    try keep(part)
    defer { Self.empty(line) }
    guard let value = Self.dataValue(line.bytes) else { return }
    guard held == nil && !hasData else { return try join(value) }
    // The line's buffer becomes the data's: a long event is not copied once more.
    let prefix = line.count - value.count
    swap(&line, &data)
    data.consume(prefix)
    hasData = true
  }

  private mutating func keep(_ part: UnsafeRawBufferPointer) throws(SSEError) {
    guard line.count + part.count <= limit else { throw fail() }
    line.append(part)
  }

  /// One more `data` line of the same event.
  private mutating func join(_ value: UnsafeRawBufferPointer) throws(SSEError) {
    copyHeld()
    guard data.count + 1 + value.count <= limit else { throw fail() }
    data.append(0x0A)
    data.append(value)
  }

  private mutating func copyHeld() {
    guard let value = held else { return }
    held = nil
    data.append(value)
    hasData = true
  }

  /// The value of a `data` line, one space behind the colon taken off; nil for any other line.
  @inline(__always) private static func dataValue(_ line: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    guard let base = line.baseAddress, line.count >= 4 else { return nil }
    guard UInt32(littleEndian: base.loadUnaligned(as: UInt32.self)) == 0x6174_6164 else { return nil }
    guard line.count > 4 else { return UnsafeRawBufferPointer(start: base + 4, count: 0) }
    guard line[4] == UInt8(ascii: ":") else { return nil }
    let start = line.count > 5 && line[5] == UInt8(ascii: " ") ? 6 : 5
    return UnsafeRawBufferPointer(start: base + start, count: line.count - start)
  }

  // MARK: - Events

  /// An empty line: the event is complete. Without a `data` line there is none.
  @inline(__always) private mutating func dispatch(_ onData: (UnsafeRawBufferPointer) -> Bool) -> Bool {
    if let value = held {
      held = nil
      return onData(value)
    }
    guard hasData else { return true }
    hasData = false
    defer { Self.empty(data) }
    return onData(data.bytes)
  }

  private mutating func fail() -> SSEError {
    stop()
    return .lineTooLong(limit: limit)
  }

  private mutating func stop() {
    isStopped = true
    held = nil
    hasData = false
    line = LazyByteBuffer()
    data = LazyByteBuffer()
  }

  /// A stream that once had a large event must not hold its memory for ever.
  private static func empty(_ buffer: LazyByteBuffer) { buffer.removeAll(keepingCapacity: buffer.capacity <= 65536) }

  // MARK: - Byte order mark

  /// Skips what belongs to a byte order mark at the very beginning.
  /// - Returns: the index of the first byte that does not.
  private mutating func skipMark(_ bytes: UnsafeRawBufferPointer) -> Int {
    let mark: (UInt8, UInt8, UInt8) = (0xEF, 0xBB, 0xBF)
    var index = 0
    while markBytes < 3, index < bytes.count {
      guard bytes[index] == (markBytes == 0 ? mark.0 : markBytes == 1 ? mark.1 : mark.2) else {
        // It only looked like one: its bytes begin the first line.
        if markBytes > 0 { line.append(mark.0) }
        if markBytes > 1 { line.append(mark.1) }
        markBytes = 3
        return index
      }
      markBytes += 1
      index += 1
    }
    return index
  }
}

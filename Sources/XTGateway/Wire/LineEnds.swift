#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Finds line ends. Each of the two bytes is searched once over the whole input, so that a stream that never uses CR
/// pays for it once a feed, not once a line.
struct LineEnds {
  private let bytes: UnsafeRawBufferPointer
  /// The next ones; `count` if there are none; behind the times where they lie before the asked index.
  private var lineFeed = -1
  private var carriageReturn = -1

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// The first CR or LF at or behind `index`, which must be below `count`.
  @inline(__always) mutating func next(from index: Int) -> Int? {
    if bytes[index] == 0x0A { return index }
    if lineFeed < index { lineFeed = find(0x0A, index) }
    if carriageReturn < index { carriageReturn = find(0x0D, index) }
    let end = min(lineFeed, carriageReturn)
    return end < bytes.count ? end : nil
  }

  private func find(_ byte: Int32, _ index: Int) -> Int {
    guard let base = bytes.baseAddress, let found = memchr(base + index, byte, bytes.count - index) else { return bytes.count }
    return UnsafeRawPointer(found) - base
  }
}

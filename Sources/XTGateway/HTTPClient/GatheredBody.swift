/// The parts of a body that one read has brought, moved together where they lie, so that they are told of in one go: a read often
/// holds many chunks, and a call for each costs more than the moving.
struct GatheredBody {
  private var start: UnsafeMutableRawPointer?
  private var count = 0

  /// `part` lies behind the parts before it, in memory that may be overwritten.
  @inline(__always) mutating func add(_ part: UnsafeRawBufferPointer) {
    guard let base = part.baseAddress else { return }
    if let start {
      (start + count).copyMemory(from: base, byteCount: part.count)
    } else {
      start = UnsafeMutableRawPointer(mutating: base)
    }
    count += part.count
  }

  /// Nothing is left afterwards.
  @inline(__always) mutating func tell(_ transfer: HTTPTransfer) {
    guard let start else { return }
    let bytes = UnsafeRawBufferPointer(start: start, count: count)
    (self.start, count) = (nil, 0)
    transfer.tell(bytes)
  }
}

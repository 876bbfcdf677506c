import Wire

/// Buffers of one server that are lent to connections while there are bytes to send, so that an idle connection owns none.
final class ByteBufferPool {
  /// A buffer that grew beyond this gives its memory back.
  static let maxCapacity = 65536
  /// Few: a buffer goes back in the turn in which it was taken, unless its client is slow, and those of a burst lie all over the heap and
  /// keep it from being given back.
  static let maxCount = 32

  /// The one that came back last: most callbacks need one.
  @exclusivity(unchecked) private var last: ByteBuffer?
  @exclusivity(unchecked) private var free: [ByteBuffer] = []

  func take() -> ByteBuffer { last.take() ?? free.popLast() ?? ByteBuffer(capacity: 2048) }

  func give(_ buffer: consuming ByteBuffer) {
    guard buffer.capacity <= Self.maxCapacity else { return }
    buffer.removeAll()
    if last == nil {
      last = buffer
    } else if free.count < Self.maxCount {
      free.append(buffer)
    }
  }
}

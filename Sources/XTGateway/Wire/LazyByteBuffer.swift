/// A buffer that is not made before something is put into it: for what is rarely needed, but once a stream.
package struct LazyByteBuffer {
  private var made: ByteBuffer?

  package init() {}

  @inline(__always) package var isEmpty: Bool { if let made { made.isEmpty } else { true } }
  package var count: Int { made?.count ?? 0 }
  package var capacity: Int { made?.capacity ?? 0 }
  /// Valid until the next mutation.
  package var bytes: UnsafeRawBufferPointer { made?.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0) }

  package mutating func append(_ source: UnsafeRawBufferPointer) { if !source.isEmpty { buffer().append(source) } }
  package mutating func append(_ byte: UInt8) { buffer().append(byte) }
  package func consume(_ count: Int) { made?.consume(count) }
  package func removeLast(_ count: Int) { made?.removeLast(count) }
  package func removeAll(keepingCapacity: Bool = true) { made?.removeAll(keepingCapacity: keepingCapacity) }

  private mutating func buffer() -> ByteBuffer {
    if let made { return made }
    let new = ByteBuffer()
    made = new
    return new
  }
}

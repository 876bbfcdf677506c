/// A buffer that is not made before something is put into it: for what is rarely needed, but once a stream.
public struct LazyByteBuffer {
  private var made: ByteBuffer?

  public init() {}

  @inline(__always) public var isEmpty: Bool { if let made { made.isEmpty } else { true } }
  public var count: Int { made?.count ?? 0 }
  public var capacity: Int { made?.capacity ?? 0 }
  /// Valid until the next mutation.
  public var bytes: UnsafeRawBufferPointer { made?.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0) }

  public mutating func append(_ source: UnsafeRawBufferPointer) { if !source.isEmpty { buffer().append(source) } }
  public mutating func append(_ byte: UInt8) { buffer().append(byte) }
  public func consume(_ count: Int) { made?.consume(count) }
  public func removeLast(_ count: Int) { made?.removeLast(count) }
  public func removeAll(keepingCapacity: Bool = true) { made?.removeAll(keepingCapacity: keepingCapacity) }

  private mutating func buffer() -> ByteBuffer {
    if let made { return made }
    let new = ByteBuffer()
    made = new
    return new
  }
}

/// `range` of `buffer`'s readable bytes: what is sent as it lies, without a copy.
public struct BufferPart {
  public let buffer: ByteBuffer
  public let range: Range<Int>

  /// - Parameter range: nil: everything that is readable now.
  public init(_ buffer: ByteBuffer, _ range: Range<Int>? = nil) { (self.buffer, self.range) = (buffer, range ?? 0..<buffer.count) }
}

/// Header fields in their order, as one block of bytes and an index over it.
public struct HTTPHeaders: Sendable {
  /// Where a field's name and value lie in the block.
  struct Field: Sendable {
    let name: Range<UInt32>
    let value: Range<UInt32>
  }

  private var block: [UInt8]
  private var index: [Field]

  public init() {
    block = []
    index = []
  }

  init(block: [UInt8], index: [Field]) {
    self.block = block
    self.index = index
  }

  public var count: Int { index.count }

  /// Value of the first field called `name` (case-insensitive), outer white space removed, bytes read as UTF-8; nil if there is none.
  public subscript(_ name: StaticString) -> String? {
    withValue(name) { String(decoding: $0, as: UTF8.self) }
  }

  /// All values of `name` in order.
  public func all(_ name: StaticString) -> [String] {
    block.withUnsafeBytes { block in
      index.compactMap { field in
        guard ASCII.equalsIgnoringCase(Self.slice(block, field.name), name) else { return nil }
        return String(decoding: Self.slice(block, field.value), as: UTF8.self)
      }
    }
  }

  /// Runs `body` on the value's bytes without copying them; nil if there is no such field.
  public func withValue<R>(_ name: StaticString, _ body: (UnsafeRawBufferPointer) -> R) -> R? {
    block.withUnsafeBytes { block in
      for field in index where field.name.count == name.utf8CodeUnitCount {
        guard ASCII.equalsIgnoringCase(Self.slice(block, field.name), name) else { continue }
        return body(Self.slice(block, field.value))
      }
      return nil
    }
  }

  /// Of the `Content-Type` field; nil if there is none.
  public var mediaType: MediaType? { withValue("content-type") { MediaType($0) } }

  /// For tests and simulators: every field, names as received.
  public var fields: [(name: String, value: String)] {
    block.withUnsafeBytes { block in
      index.map { field in
        (
          String(decoding: Self.slice(block, field.name), as: UTF8.self),
          String(decoding: Self.slice(block, field.value), as: UTF8.self)
        )
      }
    }
  }

  private static func slice(_ block: UnsafeRawBufferPointer, _ range: Range<UInt32>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: block[Int(range.lowerBound)..<Int(range.upperBound)])
  }
}

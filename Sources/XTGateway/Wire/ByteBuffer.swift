#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A growable run of bytes with a read index.
///
/// Memory comes from `malloc` and grows by `realloc`, so that a buffer of megabytes grows by remapping pages, without
/// a copy. An empty buffer that was never written to owns no memory. Confined to one thread.
///
/// The properties are numbers that are read and written at one stroke, so no two accesses can overlap; the run-time check for
/// that cost more than a small append.
public final class ByteBuffer {
  @exclusivity(unchecked) @usableFromInline var base: UnsafeMutableRawPointer?
  /// Index of the first readable byte.
  @exclusivity(unchecked) @usableFromInline var start = 0
  /// Index behind the last readable byte.
  @exclusivity(unchecked) @usableFromInline var end = 0
  /// Bytes of memory owned.
  @exclusivity(unchecked) @usableFromInline var allocated = 0

  @inlinable public init() {}

  public init(capacity: Int) { if capacity > 0 { grow(to: capacity) } }

  public convenience init(_ text: String) {
    self.init()
    append(text)
  }

  public convenience init(_ bytes: some Collection<UInt8>) {
    self.init(capacity: bytes.count)
    for byte in bytes { append(byte) }
  }

  deinit { free(base) }

  /// How many bytes can be read.
  @inlinable public var count: Int { end - start }
  @inlinable public var isEmpty: Bool { end == start }
  /// How many bytes of memory the buffer owns.
  @inlinable public var capacity: Int { allocated }

  /// The readable bytes; valid until the next mutation of the buffer.
  @inlinable public var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: base.map { UnsafeRawPointer($0) + start }, count: end - start)
  }

  /// The readable bytes, to be overwritten in place; valid until the next mutation of the buffer.
  @inlinable public var mutableBytes: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: base.map { $0 + start }, count: end - start)
  }

  @inlinable public func append(_ source: UnsafeRawBufferPointer) {
    guard let from = source.baseAddress, source.count > 0 else { return }
    if allocated - end < source.count { makeRoom(source.count) }
    (base! + end).copyMemory(from: from, byteCount: source.count)
    end += source.count
  }

  /// Three runs one behind the other, with one look at the room for them.
  @inlinable public func append(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, _ third: UnsafeRawBufferPointer)
  {
    let count = first.count + second.count + third.count
    if allocated - end < count { makeRoom(count) }
    guard let base else { return }
    Self.copy(first, to: base + end)
    Self.copy(second, to: base + end + first.count)
    Self.copy(third, to: base + end + first.count + second.count)
    end += count
  }

  @inlinable public func append(_ text: StaticString) {
    append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Disfavored, as the next: a literal would be a `String` otherwise, which costs more than a `StaticString`.
  @_disfavoredOverload @inlinable public func append(_ text: String) {
    // Without the copy that `withUTF8` needs, which nearly every text can do without.
    if text.utf8.withContiguousStorageIfAvailable({ append(UnsafeRawBufferPointer($0)) }) != nil { return }
    var text = text
    text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }

  @_disfavoredOverload @inlinable public func append(_ text: Substring) {
    var text = text
    text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }

  @inlinable public func append(_ array: [UInt8]) { array.withUnsafeBytes { append($0) } }

  @inlinable public func append(_ byte: UInt8) {
    if allocated == end { makeRoom(1) }
    (base! + end).storeBytes(of: byte, as: UInt8.self)
    end += 1
  }

  /// Appends `value` in decimal digits, with a `-` where it is negative.
  public func append(decimal value: Int) {
    if value >= 0, value < 10 { return append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value)) }
    withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { digits in
      var index = digits.count
      var rest = value.magnitude
      repeat {
        index -= 1
        digits[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
        rest /= 10
      } while rest > 0
      if value < 0 {
        index -= 1
        digits[index] = UInt8(ascii: "-")
      }
      append(UnsafeRawBufferPointer(rebasing: digits[index...]))
    }
  }

  /// Room for at least `count` more bytes behind the readable ones; say with `commit` how many were filled.
  @inlinable public func reserve(_ count: Int) -> UnsafeMutableRawBufferPointer {
    if allocated - end < count { makeRoom(count) }
    return UnsafeMutableRawBufferPointer(start: base.map { $0 + end }, count: allocated - end)
  }

  /// Makes `count` bytes of what `reserve` gave readable.
  @inlinable public func commit(_ count: Int) {
    precondition(count >= 0 && count <= allocated - end)
    end += count
  }

  /// Drops `count` bytes at the front.
  @inlinable public func consume(_ count: Int) {
    precondition(count >= 0 && count <= end - start)
    start += count
    if start == end {
      start = 0
      end = 0
    }
  }

  /// Drops the last `count` bytes.
  @inlinable public func removeLast(_ count: Int) {
    precondition(count >= 0 && count <= end - start)
    end -= count
  }

  /// Drops every byte; keeps the memory unless told otherwise.
  public func removeAll(keepingCapacity: Bool = true) {
    start = 0
    end = 0
    guard !keepingCapacity else { return }
    free(base)
    base = nil
    allocated = 0
  }

  /// The readable bytes as text; bytes that are not UTF-8 become U+FFFD.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  @inlinable @inline(__always) static func copy(_ part: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) {
    if let from = part.baseAddress { target.copyMemory(from: from, byteCount: part.count) }
  }

  @usableFromInline func makeRoom(_ count: Int) {
    if start > 0 && allocated - (end - start) >= count && start >= allocated / 2 {
      memmove(base!, base! + start, end - start)
      end -= start
      start = 0
    } else {
      grow(to: max(end + count, allocated * 2, 64))
    }
  }

  private func grow(to size: Int) {
    guard let memory = realloc(base, size) else { fatalError("out of memory: cannot grow a buffer to \(size) bytes") }
    base = memory
    allocated = size
  }
}

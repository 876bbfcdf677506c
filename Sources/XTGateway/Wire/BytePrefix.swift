#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

extension UnsafeRawBufferPointer {
  /// Whether the bytes begin with those of `text`.
  @inlinable public func starts(withText text: StaticString) -> Bool {
    let length = text.utf8CodeUnitCount
    guard count >= length, let base = baseAddress else { return false }
    return memcmp(base, text.utf8Start, length) == 0
  }
}

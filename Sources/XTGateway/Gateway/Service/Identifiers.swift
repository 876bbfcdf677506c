import Wire

/// Makes identifiers that nobody can guess from the ones before: a counter, put through a keyed hash.
public struct Identifiers {
  private let key = SipHash128.Key(k0: .random(in: 0 ... .max), k1: .random(in: 0 ... .max))
  private var count: UInt64 = 0

  public init() {}

  /// `prefix` and 32 hexadecimal digits.
  public mutating func next(_ prefix: StaticString = "") -> String {
    count += 1
    var hash = SipHash128(key: key)
    withUnsafeBytes(of: count) { hash.update($0) }
    let digest = hash.finalize()
    let start = prefix.utf8CodeUnitCount
    return String(unsafeUninitializedCapacity: start + 32) { text in
      UnsafeMutableRawBufferPointer(text).copyMemory(from: UnsafeRawBufferPointer(start: prefix.utf8Start, count: start))
      let bytes = UnsafeMutableRawBufferPointer(text)
      bytes.storeBytes(of: ASCII.hexadecimalDigits(digest.high >> 32).bigEndian, toByteOffset: start, as: UInt64.self)
      bytes.storeBytes(of: ASCII.hexadecimalDigits(digest.high & 0xFFFF_FFFF).bigEndian, toByteOffset: start + 8, as: UInt64.self)
      bytes.storeBytes(of: ASCII.hexadecimalDigits(digest.low >> 32).bigEndian, toByteOffset: start + 16, as: UInt64.self)
      bytes.storeBytes(of: ASCII.hexadecimalDigits(digest.low & 0xFFFF_FFFF).bigEndian, toByteOffset: start + 24, as: UInt64.self)
      return start + 32
    }
  }
}

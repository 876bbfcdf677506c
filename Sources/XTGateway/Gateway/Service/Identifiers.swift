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
      bytes.storeBytes(of: Self.digits(digest.high >> 32), toByteOffset: start, as: UInt64.self)
      bytes.storeBytes(of: Self.digits(digest.high & 0xFFFF_FFFF), toByteOffset: start + 8, as: UInt64.self)
      bytes.storeBytes(of: Self.digits(digest.low >> 32), toByteOffset: start + 16, as: UInt64.self)
      bytes.storeBytes(of: Self.digits(digest.low & 0xFFFF_FFFF), toByteOffset: start + 24, as: UInt64.self)
      return start + 32
    }
  }

  /// The eight digits of 32 bits as they stand in memory: all at once, since every request needs two identifiers.
  static func digits(_ value: UInt64) -> UInt64 {
    // A byte for each four bits …
    var word = (value << 16 | value) & 0x0000_FFFF_0000_FFFF
    word = (word << 8 | word) & 0x00FF_00FF_00FF_00FF
    word = (word << 4 | word) & 0x0F0F_0F0F_0F0F_0F0F
    // … and from 10 on a letter, which stands 39 behind where a digit would.
    let letters = (word &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
    return (word &+ 0x3030_3030_3030_3030 &+ letters &* 39).bigEndian
  }
}

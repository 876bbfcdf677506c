public enum UTF8Validation {
  /// The offset of the first byte that is not part of well-formed UTF-8 (no surrogates, no overlong forms); nil if all is well.
  public static func firstInvalid(_ bytes: UnsafeRawBufferPointer) -> Int? {
    guard let base = bytes.baseAddress else { return nil }
    let count = bytes.count
    var index = 0
    while index < count {
      if index + 8 <= count && base.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 {
        index += 8
      } else if base.load(fromByteOffset: index, as: UInt8.self) < 0x80 {
        index += 1
      } else {
        index = multiByteRun(base, index, count)
        if index < 0 { return ~index }
      }
    }
    return nil
  }

  /// Walks over multi-byte sequences, beginning with one at `start`.
  /// - Returns: the index behind the last of them; `~index` of the first ill-formed one (a negative number).
  @inlinable static func multiByteRun(_ base: UnsafeRawPointer, _ start: Int, _ count: Int) -> Int {
    var index = start
    while index < count {
      while index + 8 <= count {
        // Two sequences of three bytes in one load: Chinese and Japanese are mostly that.
        let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: index, as: UInt64.self))
        guard word & 0xC0C0_F0C0_C0F0 == 0x8080_E080_80E0 else { break }
        guard anySecondByte(word & 0xFF) && anySecondByte(word >> 24 & 0xFF) else { break }
        index += 6
      }
      let lead = base.load(fromByteOffset: index, as: UInt8.self)
      if lead < 0x80 { return index }
      if lead &- 0xC2 < 0x1E, index + 1 < count, base.load(fromByteOffset: index + 1, as: UInt8.self) & 0xC0 == 0x80 {
        index += 2
        continue
      }
      let length = sequenceLength(base, index, count)
      if length == 0 { return ~index }
      index += length
    }
    return index
  }

  /// Behind every three-byte lead but these two any continuation byte may follow.
  @inlinable @inline(__always) static func anySecondByte(_ lead: UInt64) -> Bool { lead != 0xE0 && lead != 0xED }

  /// The length of the well-formed multi-byte sequence at `index` (Unicode, table 3-7); 0 if there is none.
  @inlinable static func sequenceLength(_ base: UnsafeRawPointer, _ index: Int, _ count: Int) -> Int {
    let lead = base.load(fromByteOffset: index, as: UInt8.self)
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch lead {
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: length = 4
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: return 0
    }
    guard count - index >= length else { return 0 }
    guard second.contains(base.load(fromByteOffset: index + 1, as: UInt8.self)) else { return 0 }
    for offset in 2..<max(length, 2) where base.load(fromByteOffset: index + offset, as: UInt8.self) & 0xC0 != 0x80 { return 0 }
    return length
  }
}

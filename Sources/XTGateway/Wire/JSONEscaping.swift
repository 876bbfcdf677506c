extension ByteBuffer {
  /// Appends `utf8` escaped as the inside of a JSON string, without quotes (RFC 8259, section 7; the shortest escapes).
  public func append(jsonEscaping utf8: UnsafeRawBufferPointer) {
    guard let base = utf8.baseAddress else { return }
    var index = 0
    while true {
      let run = JSONEscaping.plainRun(base, index, utf8.count)
      append(UnsafeRawBufferPointer(start: base + index, count: run - index))
      guard run < utf8.count else { return }
      commit(JSONEscaping.write(utf8[run], to: reserve(6)))
      index = run + 1
    }
  }
}

enum JSONEscaping {
  /// The index of the first byte from `start` on that must be escaped; else `count`.
  static func plainRun(_ base: UnsafeRawPointer, _ start: Int, _ count: Int) -> Int {
    var index = start
    while index + 8 <= count {
      let found = ByteScan.escaped(ByteScan.word(base, index))
      if found != 0 { return index + found.trailingZeroBitCount >> 3 }
      index += 8
    }
    // The last eight once more, in part, rather than a byte at a time.
    if index < count, count - start >= 8 {
      let found = ByteScan.escaped(ByteScan.word(base, count - 8))
      return found == 0 ? count : count - 8 + found.trailingZeroBitCount >> 3
    }
    while index < count {
      let byte = base.load(fromByteOffset: index, as: UInt8.self)
      if byte < 0x20 || byte == 0x22 || byte == 0x5C { return index }
      index += 1
    }
    return index
  }

  /// Writes the escape of a byte that needs one.
  /// - Returns: its length.
  static func write(_ byte: UInt8, to target: UnsafeMutableRawBufferPointer) -> Int {
    target[0] = UInt8(ascii: "\\")
    target[1] = letter(byte)
    guard target[1] == UInt8(ascii: "u") else { return 2 }
    target[2] = UInt8(ascii: "0")
    target[3] = UInt8(ascii: "0")
    target[4] = UInt8(ascii: "0") + byte >> 4
    let low = byte & 15
    target[5] = low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10
    return 6
  }

  /// What stands behind the backslash.
  private static func letter(_ byte: UInt8) -> UInt8 {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): byte
    case 0x08: UInt8(ascii: "b")
    case 0x09: UInt8(ascii: "t")
    case 0x0A: UInt8(ascii: "n")
    case 0x0C: UInt8(ascii: "f")
    case 0x0D: UInt8(ascii: "r")
    default: UInt8(ascii: "u")
    }
  }
}

extension ByteBuffer {
  /// Appends `utf8` escaped as the inside of a JSON string, without quotes (RFC 8259, section 7; the shortest escapes).
  package func append(jsonEscaping utf8: UnsafeRawBufferPointer) {
    guard let base = utf8.baseAddress else { return }
    var index = 0
    while index < utf8.count {
      let run = JSONEscaping.plainRun(base, index, utf8.count)
      append(UnsafeRawBufferPointer(start: base + index, count: run - index))
      index = run
      guard index < utf8.count else { return }
      appendEscape(of: utf8[index])
      index += 1
    }
  }

  private func appendEscape(of byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""): append("\\\"" as StaticString)
    case UInt8(ascii: "\\"): append("\\\\" as StaticString)
    case 0x08: append("\\b" as StaticString)
    case 0x09: append("\\t" as StaticString)
    case 0x0A: append("\\n" as StaticString)
    case 0x0C: append("\\f" as StaticString)
    case 0x0D: append("\\r" as StaticString)
    default:
      append("\\u00" as StaticString)
      append(UInt8(ascii: "0") + byte >> 4)
      let low = byte & 15
      append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
    }
  }
}

enum JSONEscaping {
  /// The index of the first byte from `start` on that must be escaped; else `count`.
  static func plainRun(_ base: UnsafeRawPointer, _ start: Int, _ count: Int) -> Int {
    var index = start
    while index + 16 <= count {
      let block = base.loadUnaligned(fromByteOffset: index, as: SIMD16<UInt8>.self)
      let hits = (block .< 0x20) .| (block .== 0x22) .| (block .== 0x5C)
      let lane = ByteScan.firstLane(hits)
      index += lane
      if lane < 16 { return index }
    }
    while index < count {
      let byte = base.load(fromByteOffset: index, as: UInt8.self)
      if byte < 0x20 || byte == 0x22 || byte == 0x5C { return index }
      index += 1
    }
    return index
  }
}

extension JSONString {
  /// Appends the text that the inside of a valid literal (without its quotes) stands for, as UTF-8.
  /// An escaped lone surrogate becomes U+FFFD.
  public static func decode(_ inside: UnsafeRawBufferPointer, into buffer: ByteBuffer) {
    guard !inside.isEmpty else { return }
    buffer.commit(decode(inside, to: buffer.reserve(inside.count)))
  }

  /// Decodes to memory that has room for as many bytes as `inside` has: no escape is shorter than what it stands for.
  /// - Returns: the number of bytes written.
  static func decode(_ inside: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer) -> Int {
    precondition(target.count >= inside.count)
    guard let from = inside.baseAddress, let to = target.baseAddress else { return 0 }
    let count = inside.count
    var read = 0
    var written = 0
    while true {
      // Eight bytes at a time: never further than the target reaches, as less is written than read.
      while read + 8 <= count {
        let word = ByteScan.word(from, read)
        to.storeBytes(of: word.littleEndian, toByteOffset: written, as: UInt64.self)
        let found = ByteScan.backslash(word)
        let run = found == 0 ? 8 : found.trailingZeroBitCount >> 3
        read += run
        written += run
        if found != 0 { break }
      }
      while read < count, from.load(fromByteOffset: read, as: UInt8.self) != UInt8(ascii: "\\") {
        to.storeBytes(of: from.load(fromByteOffset: read, as: UInt8.self), toByteOffset: written, as: UInt8.self)
        read += 1
        written += 1
      }
      // Escapes often come in a row.
      repeat {
        guard read + 1 < count else { return written }
        let (scalar, length) = escape(inside, at: read)
        read += length
        written += encode(scalar, to + written)
      } while read < count && from.load(fromByteOffset: read, as: UInt8.self) == UInt8(ascii: "\\")
    }
  }

  /// - Returns: the number of bytes written, 1 to 4.
  @inline(__always) static func encode(_ scalar: Unicode.Scalar, _ to: UnsafeMutableRawPointer) -> Int {
    let value = scalar.value
    func store(_ byte: UInt32, at index: Int) {
      to.storeBytes(of: UInt8(truncatingIfNeeded: byte), toByteOffset: index, as: UInt8.self)
    }
    if value < 0x80 {
      store(value, at: 0)
      return 1
    }
    let length = value < 0x800 ? 2 : value < 0x10000 ? 3 : 4
    store((0xF00 as UInt32) >> UInt32(length) | value >> UInt32(6 * (length - 1)), at: 0)
    for index in 1..<length { store(0x80 | value >> UInt32(6 * (length - 1 - index)) & 0x3F, at: index) }
    return length
  }

  /// The scalar that the escape at `index` stands for and its length; a surrogate pair is one escape.
  @inline(__always) static func escape(_ text: UnsafeRawBufferPointer, at index: Int) -> (Unicode.Scalar, length: Int) {
    switch text[index + 1] {
    case UInt8(ascii: "n"): return ("\n", 2)
    case UInt8(ascii: "t"): return ("\t", 2)
    case UInt8(ascii: "r"): return ("\r", 2)
    case UInt8(ascii: "b"): return ("\u{8}", 2)
    case UInt8(ascii: "f"): return ("\u{C}", 2)
    case UInt8(ascii: "u"): break
    case let byte: return (Unicode.Scalar(byte), 2)
    }
    guard let first = codeUnit(text, at: index) else { return ("\u{FFFD}", 2) }
    if let scalar = Unicode.Scalar(first) { return (scalar, 6) }
    guard first < 0xDC00, let second = codeUnit(text, at: index + 6), 0xDC00...0xDFFF ~= second else { return ("\u{FFFD}", 6) }
    return (Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))!, 12)
  }

  /// The number in a `\uXXXX` that stands at `index`; nil if none does.
  @inline(__always) private static func codeUnit(_ text: UnsafeRawBufferPointer, at index: Int) -> UInt32? {
    guard index + 6 <= text.count, let base = text.baseAddress, text[index] == UInt8(ascii: "\\"),
      text[index + 1] == UInt8(ascii: "u")
    else { return nil }
    return codeUnit(base, index + 2)
  }

  /// Why `end(of:from:)` found none; walked again, since only a refused text pays for it.
  static func error(of bytes: UnsafeRawBufferPointer, from start: Int) -> JSONError {
    let unfinished = JSONError(reason: "the text ends inside a string", offset: bytes.count)
    guard let base = bytes.baseAddress else { return unfinished }
    var index = start
    while true {
      index = plainRun(base, index, bytes.count)
      guard index < bytes.count else { return unfinished }
      switch bytes[index] {
      case UInt8(ascii: "\\"):
        let length = escapeLength(base, index, bytes.count)
        if length == 0 { return JSONError(reason: "an escape that JSON does not have", offset: index) }
        index += length
      case 0x80...:
        index = UTF8Validation.multiByteRun(base, index, bytes.count)
        if index < 0 { return JSONError(reason: "not well-formed UTF-8", offset: ~index) }
      default: return JSONError(reason: "a control character in a string", offset: index)
      }
    }
  }
}

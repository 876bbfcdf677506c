#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

extension JSONString {
  /// Appends the text that the inside of a valid literal (without its quotes) stands for, as UTF-8.
  /// An escaped lone surrogate becomes U+FFFD.
  package static func decode(_ inside: UnsafeRawBufferPointer, into buffer: ByteBuffer) {
    guard !inside.isEmpty else { return }
    buffer.commit(decode(inside, to: buffer.reserve(inside.count)))
  }

  /// Decodes to memory that has room for as many bytes as `inside` has: no escape is shorter than what it stands for.
  /// - Returns: the number of bytes written.
  static func decode(_ inside: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer) -> Int {
    precondition(target.count >= inside.count)
    guard let from = inside.baseAddress, let to = target.baseAddress else { return 0 }
    var read = 0
    var written = 0
    while read < inside.count {
      let rest = inside.count - read
      let run = memchr(from + read, Int32(UInt8(ascii: "\\")), rest).map { UnsafeRawPointer($0) - (from + read) } ?? rest
      (to + written).copyMemory(from: from + read, byteCount: run)
      read += run
      written += run
      guard read + 1 < inside.count else { break }
      let (scalar, length) = escape(inside, at: read)
      read += length
      for byte in Unicode.UTF8.encode(scalar)! {
        to.storeBytes(of: byte, toByteOffset: written, as: UInt8.self)
        written += 1
      }
    }
    return written
  }

  /// The scalar that the escape at `index` stands for and its length; a surrogate pair is one escape.
  private static func escape(_ text: UnsafeRawBufferPointer, at index: Int) -> (Unicode.Scalar, length: Int) {
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
  private static func codeUnit(_ text: UnsafeRawBufferPointer, at index: Int) -> UInt32? {
    guard index + 6 <= text.count, text[index] == UInt8(ascii: "\\"), text[index + 1] == UInt8(ascii: "u") else { return nil }
    var unit: UInt32 = 0
    for offset in 2..<6 {
      guard let digit = ASCII.hexadecimal(text[index + offset]) else { return nil }
      unit = unit << 4 | UInt32(digit)
    }
    return unit
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

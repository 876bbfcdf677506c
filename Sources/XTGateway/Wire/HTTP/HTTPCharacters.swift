/// The byte classes of HTTP's grammar.
enum HTTPCharacters {
  static let carriageReturn = UInt8(ascii: "\r")
  static let lineFeed = UInt8(ascii: "\n")

  /// tchar (RFC 9110, section 5.6.2).
  @inline(__always) static func isToken(_ byte: UInt8) -> Bool {
    contains(byte, low: 0x03FF_6CFA_0000_0000, high: 0x57FF_FFFF_C7FF_FFFE)
  }

  /// What a reg-name or an IPv4 address is made of, and `%` (RFC 3986, section 3.2.2).
  @inline(__always) static func isHostName(_ byte: UInt8) -> Bool {
    contains(byte, low: 0x2BFF_7FF2_0000_0000, high: 0x47FF_FFFE_87FF_FFFE)
  }

  /// What may stand inside a field value: field-vchar, space, tab, obs-text (RFC 9110, section 5.5).
  @inline(__always) static func isFieldValue(_ byte: UInt8) -> Bool {
    (byte >= 0x20 && byte != 0x7F) || byte == 0x09
  }

  /// The same of a whole value, which hardly ever holds a tab.
  static func isFieldValue(_ value: UnsafeRawBufferPointer) -> Bool {
    guard hasControl(value) else { return true }
    for byte in value where !isFieldValue(byte) { return false }
    return true
  }

  /// Whether there is a control byte, tabs included: looked for eight bytes at a time.
  static func hasControl(_ text: UnsafeRawBufferPointer) -> Bool {
    guard let base = text.baseAddress else { return false }
    var index = 0
    while index + 8 <= text.count {
      if ByteScan.control(ByteScan.word(base, index)) != 0 { return true }
      index += 8
    }
    // The last eight once more, in part, rather than a byte at a time.
    if text.count >= 8 { return ByteScan.control(ByteScan.word(base, text.count - 8)) != 0 }
    while index < text.count {
      if text[index] < 0x20 || text[index] == 0x7F { return true }
      index += 1
    }
    return false
  }

  /// What may stand in a request target. Wider than RFC 3986 by the printable characters that browsers leave as they are
  /// (`"`, `<`, `>`, `\`, `^`, `` ` ``, `{`, `|`, `}`); `#` is refused, since no form of a target has a fragment (RFC 9112, section 3.2).
  @inline(__always) static func isTarget(_ byte: UInt8) -> Bool {
    byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "#")
  }

  @inline(__always) static func isWhiteSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  @inline(__always) static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  /// `bytes` without spaces and tabs at either end (OWS).
  static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var start = 0
    var end = bytes.count
    while start < end, isWhiteSpace(bytes[start]) { start += 1 }
    while end > start, isWhiteSpace(bytes[end - 1]) { end -= 1 }
    return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
  }

  /// Calls `body` with every element of a comma-separated list (RFC 9110, section 5.6.1), trimmed; empty ones are left out.
  static func forEachElement<E: Error>(of list: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws(E) -> Void)
    throws(E)
  {
    var start = 0
    while start <= list.count {
      var end = start
      while end < list.count, list[end] != UInt8(ascii: ",") { end += 1 }
      let element = trimmed(UnsafeRawBufferPointer(rebasing: list[start..<end]))
      if !element.isEmpty { try body(element) }
      start = end + 1
    }
  }

  @inline(__always) private static func contains(_ byte: UInt8, low: UInt64, high: UInt64) -> Bool {
    guard byte < 128 else { return false }
    return ((byte < 64 ? low : high) &>> UInt64(byte & 63)) & 1 == 1
  }
}

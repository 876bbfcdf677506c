public enum Base64 {
  /// Checks standard base64 (RFC 4648, section 4; padding required, no white space) without decoding it.
  /// - Returns: the number of bytes it stands for; nil if it is malformed (non-zero trailing bits included).
  public static func decodedCount(_ text: UnsafeRawBufferPointer) -> Int? {
    guard let base = text.baseAddress, !text.isEmpty else { return 0 }
    guard text.count % 4 == 0 else { return nil }
    var padding = 0
    while padding < 2, text[text.count - 1 - padding] == UInt8(ascii: "=") { padding += 1 }
    let characters = text.count - padding
    guard allInAlphabet(base, characters) else { return nil }
    guard padding == 0 || hasZeroTail(value(text[characters - 1]), padding: padding) else { return nil }
    return text.count / 4 * 3 - padding
  }

  /// Decodes the first bytes, at most `limit` of them (for looking at an image's signature). The text must be valid.
  public static func decodePrefix(_ text: UnsafeRawBufferPointer, limit: Int) -> [UInt8] {
    var characters = text.count
    while characters > 0, text[characters - 1] == UInt8(ascii: "=") { characters -= 1 }
    return decode(text, characters: characters, limit: max(limit, 0), value: value) ?? []
  }

  /// Decodes base64url without padding (RFC 4648, section 5), as JWTs use it; nil if malformed.
  public static func decodeURL(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    guard text.count % 4 != 1 else { return nil }
    let padding = (4 - text.count % 4) % 4
    if padding > 0 {
      guard let last = urlValue(text[text.count - 1]), hasZeroTail(last, padding: padding) else { return nil }
    }
    return decode(text, characters: text.count, limit: .max, value: urlValue)
  }

  /// - Returns: nil if one of the characters is none of the alphabet.
  private static func decode(
    _ text: UnsafeRawBufferPointer, characters: Int, limit: Int, value: (UInt8) -> UInt8?
  ) -> [UInt8]? {
    let count = min(limit, characters / 4 * 3 + max(characters % 4 - 1, 0))
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    var bits: UInt32 = 0
    var width = 0
    for index in 0..<characters {
      guard let six = value(text[index]) else { return nil }
      bits = bits << 6 | UInt32(six)
      width += 6
      guard width >= 8 else { continue }
      width -= 8
      if bytes.count == count { break }
      bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(width)))
    }
    return bytes
  }

  /// Whether the bits of the last character that no byte takes are zero.
  private static func hasZeroTail(_ six: UInt8?, padding: Int) -> Bool {
    guard let six else { return false }
    return six & (padding == 1 ? 0b11 : 0b1111) == 0
  }

  /// A character's six bits in the standard alphabet.
  private static func value(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }

  /// A character's six bits in the alphabet for URLs and file names.
  private static func urlValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "-"): 62
    case UInt8(ascii: "_"): 63
    case UInt8(ascii: "+"), UInt8(ascii: "/"): nil
    default: value(byte)
    }
  }

  /// Sixteen characters a step: an image of many megabytes is a normal thing to check.
  private static func allInAlphabet(_ base: UnsafeRawPointer, _ count: Int) -> Bool {
    var index = 0
    while index + 16 <= count {
      let first = known(ByteScan.word(base, index))
      let second = known(ByteScan.word(base, index + 8))
      guard first & second == 0x8080_8080_8080_8080 else { return false }
      index += 16
    }
    while index < count {
      guard value(base.load(fromByteOffset: index, as: UInt8.self)) != nil else { return false }
      index += 1
    }
    return true
  }

  /// The highest bits of those of eight characters that are in the standard alphabet.
  @inline(__always) private static func known(_ word: UInt64) -> UInt64 {
    let ascii = word & 0x7F7F_7F7F_7F7F_7F7F
    let letters = ByteScan.within(UInt8(ascii: "a"), UInt8(ascii: "z"), ascii | 0x2020_2020_2020_2020)
    // The slash stands right before the digits.
    let others = ByteScan.within(UInt8(ascii: "/"), UInt8(ascii: "9"), ascii)
    return (letters | others | ByteScan.within(UInt8(ascii: "+"), UInt8(ascii: "+"), ascii)) & ~word
  }
}

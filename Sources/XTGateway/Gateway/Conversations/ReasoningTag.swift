import Wire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Reasoning models put their thoughts in front of the answer, between these tags.
public enum ReasoningTag {
  public static let open: StaticString = "<think>"
  public static let close: StaticString = "</think>"

  /// An answer without the reasoning in front of it, for clients that send both back.
  public static func withoutReasoning(_ text: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var start = 0
    while start < text.count, text[start] == 0x20 || (text[start] >= 0x09 && text[start] <= 0x0D) { start += 1 }
    let rest = UnsafeRawBufferPointer(rebasing: text[start...])
    guard ByteSearch.hasPrefix(rest, open), let end = ByteSearch.first(close, in: rest) else { return text }
    return UnsafeRawBufferPointer(rebasing: rest[(end + close.utf8CodeUnitCount)...])
  }
}

/// Searches for short texts.
public enum ByteSearch {
  static func hasPrefix(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    bytes.starts(with: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  static func first(_ text: StaticString, in bytes: UnsafeRawBufferPointer) -> Int? {
    first(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount), in: bytes)
  }

  static func first(_ needle: UnsafeRawBufferPointer, in bytes: UnsafeRawBufferPointer) -> Int? {
    guard let lead = needle.first, let base = bytes.baseAddress, let text = needle.baseAddress else { return nil }
    var start = 0
    while start + needle.count <= bytes.count,
      let found = memchr(base + start, Int32(lead), bytes.count - needle.count - start + 1)
    {
      if memcmp(found, text, needle.count) == 0 { return UnsafeRawPointer(found) - base }
      start = UnsafeRawPointer(found) - base + 1
    }
    return nil
  }

  /// Length of the longest end of `bytes` that `needle` begins with, all of `needle` excluded.
  static func overlap(_ needle: UnsafeRawBufferPointer, atEndOf bytes: UnsafeRawBufferPointer) -> Int {
    var length = min(needle.count - 1, bytes.count)
    while length > 0 {
      if bytes[(bytes.count - length)...].elementsEqual(needle[..<length]) { return length }
      length -= 1
    }
    return 0
  }
}

import Testing

@testable import Wire

@Suite struct JSONStringTests {
  /// `nil` where the scanner refuses; memory of exactly this length. Reading and decoding at once has to agree.
  private func end(_ bytes: [UInt8], from start: Int = 0) -> (closingQuote: Int, hasEscapes: Bool)? {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: bytes)
    let found = JSONString.end(of: UnsafeRawBufferPointer(copy), from: start)
    let text = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count - start, alignment: 1)
    defer { text.deallocate() }
    let decoded = JSONString.decodeToEnd(of: UnsafeRawBufferPointer(copy), from: start, to: text)
    #expect(decoded?.closingQuote == found?.closingQuote && decoded?.hasEscapes == found?.hasEscapes)
    if let decoded {
      let expected = ByteBuffer()
      JSONString.decode(UnsafeRawBufferPointer(rebasing: copy[start..<decoded.closingQuote]), into: expected)
      #expect(text[..<decoded.count].elementsEqual(expected.bytes))
    }
    return found
  }

  private let fillers = ["a", "你", "é", "😀", "a你", "abcdefg你", "你好，abcdefghijklmnopqrstuvwxyz"]

  @Test func theQuoteIsFoundAtEveryPlace() {
    for filler in fillers {
      for count in 0..<70 {
        let text = Array(String(repeating: filler, count: count).utf8)
        for tail in ["\"", "\"}", "\"\\\"\n", "\"aaaaaaaa\"aaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
          guard let found = end(text + Array(tail.utf8)), found.closingQuote == text.count, !found.hasEscapes else {
            Issue.record("\(count) times \(filler) before \(tail.debugDescription)")
            continue
          }
        }
        #expect(end(text) == nil)
        #expect(end([UInt8(ascii: "\"")] + text + [UInt8(ascii: "\"")], from: 1)?.closingQuote == text.count + 1)
      }
    }
    #expect(end([]) == nil)
    #expect(end([1, 2], from: 2) == nil)
  }

  @Test func escapesAreFoundAtEveryPlace() {
    for filler in fillers {
      for count in 0..<40 {
        let text = Array(String(repeating: filler, count: count).utf8)
        for escape in [#"\""#, #"\\"#, #"\/"#, #"\b"#, #"\f"#, #"\n"#, #"\r"#, #"\t"#, #"\u0aF9"#, #"\ud800"#, #"\\\""#] {
          let whole = text + Array(escape.utf8) + text + [UInt8(ascii: "\"")]
          guard let found = end(whole), found.closingQuote == whole.count - 1, found.hasEscapes else {
            Issue.record("\(count) times \(filler) around \(escape)")
            continue
          }
        }
      }
    }
  }

  @Test func whatIsNotJSONIsRefusedAtEveryPlace() {
    var wrong: [[UInt8]] = (0..<0x20).map { [$0] }
    wrong += [#"\x"#, #"\N"#, #"\u12x"#, #"\u12g4"#, #"\u 123"#, #"\u+123"#, #"\ "#, #"\0"#, "\\\n"].map { Array($0.utf8) }
    wrong += [
      [0x80], [0xBF], [0xC0, 0x80], [0xC3], [0xE4, 0xBD], [0xED, 0xA0, 0x80], [0xE0, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF],
    ]
    for filler in fillers {
      for count in 0..<24 {
        let text = Array(String(repeating: filler, count: count).utf8)
        for wrong in wrong where end(text + wrong + text + [UInt8(ascii: "\"")]) != nil {
          Issue.record("\(count) times \(filler) around \(wrong)")
        }
      }
    }
  }

  @Test func everyTruncationIsRefused() {
    let text = Array(#"plain text, 你好 \n \u00e9 \ud83d\ude00 😀 and \"more\" of it""#.utf8)
    for count in 0..<text.count {
      #expect(end(Array(text[..<count])) == nil)
      // What stands behind the given bytes must not matter.
      text.withUnsafeBytes { #expect(JSONString.end(of: UnsafeRawBufferPointer(rebasing: $0[..<count]), from: 0) == nil) }
    }
    #expect(end(text)?.closingQuote == text.count - 1)
  }

  @Test func decodingAppends() {
    let buffer = ByteBuffer("x")
    for inside in ["", "plain", #"a\nb"#, #"\u4f60\uD83D\uDE00\ud83d"#] {
      inside.withRawBytes { JSONString.decode($0, into: buffer) }
    }
    #expect(buffer.text == "xplaina\nb你😀\u{FFFD}")
  }

  @Test func escapingIsTheShortestAndDecodesBack() throws {
    for byte in UInt8.min..<0x80 {
      for count in 0..<20 {
        let text = Array(repeating: UInt8(ascii: "a"), count: count) + [byte] + Array("你好 b".utf8)
        let escaped = ByteBuffer()
        text.withUnsafeBytes { escaped.append(jsonEscaping: $0) }
        let expected: Int
        switch byte {
        case 0x08, 0x09, 0x0A, 0x0C, 0x0D, 0x22, 0x5C: expected = 2
        case 0..<0x20: expected = 6
        default: expected = 1
        }
        #expect(escaped.count == text.count - 1 + expected)
        let decoded = ByteBuffer()
        JSONString.decode(escaped.bytes, into: decoded)
        #expect(Array(decoded.bytes) == text)
        escaped.append(UInt8(ascii: "\""))
        #expect(JSONString.end(of: escaped.bytes, from: 0)?.closingQuote == escaped.count - 1)
      }
    }
  }
}

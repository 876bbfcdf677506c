import Testing

@testable import Wire

@Suite struct ASCIITests {
  @Test func decimalNumbersAreDigitsOnly() {
    func decimal(_ text: String) -> Int? { text.withRawBytes(ASCII.decimal) }
    #expect(decimal("0") == 0)
    #expect(decimal("007") == 7)
    #expect(decimal("9223372036854775807") == .max)
    #expect(decimal("00000000000000000000000000001") == 1)
    for text in [
      "", "+5", "-5", " 5", "5 ", "5.0", "0x5", "5_0", "９", "9223372036854775808", "18446744073709551617", "a", "/", ":",
    ] {
      #expect(decimal(text) == nil, "\(text)")
    }
  }

  @Test func comparingWithoutCase() {
    func equal(_ text: String, _ other: StaticString) -> Bool { text.withRawBytes { ASCII.equalsIgnoringCase($0, other) } }
    #expect(equal("Content-Length", "content-length"))
    #expect(equal("", ""))
    #expect(!equal("content-lengt", "content-length"))
    #expect(!equal("content-lengths", "content-length"))
    // They differ in the same bit as the cases of a letter.
    #expect(!equal("[", "{"))
    #expect(!equal("@", "`"))
    #expect(!equal("\r", "-"))
  }

  /// Eight bytes are compared at once: every byte at every place of a word, and behind it.
  @Test func comparingWithoutCaseAtEveryPlace() {
    let text: StaticString = "a-z@[`{\u{7f}m"
    let lower = Array("a-z@[`{\u{7f}m".utf8)
    for place in lower.indices {
      for byte in UInt8.min...UInt8.max {
        var bytes = lower
        bytes[place] = byte
        let isEqual = ASCII.lowercase(byte) == lower[place]
        #expect(bytes.withUnsafeBytes { ASCII.equalsIgnoringCase($0, text) } == isEqual, "\(byte) at \(place)")
      }
    }
  }

  @Test func hexadecimalDigits() {
    for byte in UInt8.min...UInt8.max {
      let text = byte < 0x80 ? String(Unicode.Scalar(byte)) : "?"
      #expect(ASCII.hexadecimal(byte) == (text == "+" || text == "-" ? nil : UInt8(text, radix: 16)))
    }
  }
}

@Suite struct UTF8ValidationTests {
  private func firstInvalid(_ bytes: [UInt8]) -> Int? { bytes.withUnsafeBytes(UTF8Validation.firstInvalid) }

  @Test func theOffsetOfTheFirstIllFormedSequence() {
    #expect(firstInvalid([]) == nil)
    #expect(firstInvalid(Array("plain, ä, 你好，我是, 😀 and \0".utf8)) == nil)
    #expect(firstInvalid(Array("你好，我是".utf8) + [0x80]) == 15)
    #expect(firstInvalid(Array("0123456789".utf8) + [0xE4, 0xBD]) == 10)
    #expect(firstInvalid(Array("你".utf8) + [0xED, 0xA0, 0x80] + Array("好".utf8)) == 3)
    #expect(firstInvalid([0xC0, 0xAF]) == 0)
    #expect(firstInvalid([0xF4, 0x90, 0x80, 0x80]) == 0)
  }

  /// Every combination of four bytes at which the rules change, in front of more text, against the standard library.
  @Test func allBoundaryBytesAgreeWithTheStandardLibrary() {
    let marks: [UInt8] = [
      0x22, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5,
    ]
    let tail = Array("好, text".utf8)
    for first in marks.dropFirst(2) {
      for second in marks {
        for third in marks {
          for fourth in marks {
            let bytes = [first, second, third, fourth] + tail
            guard (firstInvalid(bytes) == nil) != (String(validating: bytes, as: UTF8.self) != nil) else { continue }
            Issue.record("\(bytes)")
          }
        }
      }
    }
  }

  @Test func oneBadByteIsFoundAtEveryPlace() {
    for text in [String(repeating: "a", count: 40), String(repeating: "你", count: 14), String(repeating: "a你é😀", count: 5)] {
      let bytes = Array(text.utf8)
      for index in bytes.indices {
        var broken = bytes
        broken[index] = 0xFF
        // The sequence that the byte stands in is the ill-formed one.
        let start = bytes[...index].lastIndex { $0 & 0xC0 != 0x80 }!
        #expect(firstInvalid(broken) == start)
      }
    }
  }
}

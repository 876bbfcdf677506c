import Foundation
import Testing

@testable import Wire

@Suite struct Base64Tests {
  private func count(_ text: String) -> Int? { text.withRawBytes(Base64.decodedCount) }
  private func prefix(_ text: String, _ limit: Int) -> [UInt8] { text.withRawBytes { Base64.decodePrefix($0, limit: limit) } }
  private func url(_ text: String) -> String? { text.withRawBytes(Base64.decodeURL).map { String(decoding: $0, as: UTF8.self) } }

  /// RFC 4648, section 10.
  private let vectors = [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
  ]

  @Test func theStandardsVectors() {
    for (plain, text) in vectors {
      #expect(count(text) == plain.utf8.count)
      #expect(prefix(text, 100) == Array(plain.utf8))
      #expect(prefix(text, 4) == Array(plain.utf8.prefix(4)))
      #expect(url(text.replacingOccurrences(of: "=", with: "")) == plain)
    }
    #expect(prefix("Zm9vYmFy", 0) == [])
  }

  @Test func malformedTextIsRefused() {
    for text in [
      "Z", "Zg", "Zg=", "Zm9", "Zm9vYg", "=", "==", "===", "====", "Z===", "Zg==Zg==", "Zm=v", "Zm 9", "Zm9v\n", "Zm9-", "Zm9_",
    ] {
      #expect(count(text) == nil, "\(text)")
    }
    // Bits that no byte takes must be zero (RFC 4648, section 3.5).
    #expect(count("Zh==") == nil)
    #expect(count("Zo==") == nil)
    #expect(count("Zm9=") == nil)
    #expect(count("Zm8=") == 2)
  }

  @Test func everyByteAtEveryPlaceOfAStep() {
    let alphabet = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    for index in 0..<36 {
      for byte in UInt8.min...UInt8.max {
        var text = [UInt8](repeating: UInt8(ascii: "A"), count: 36)
        text[index] = byte
        let isValid = alphabet.contains(byte) || (index == 35 && byte == UInt8(ascii: "="))
        guard (text.withUnsafeBytes(Base64.decodedCount) != nil) != isValid else { continue }
        Issue.record("byte \(byte) at \(index)")
      }
    }
  }

  @Test func agreesWithFoundation() {
    var random = SeededGenerator.seeded("base64")
    for count in 0..<200 {
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      let text = Data(bytes).base64EncodedString()
      #expect(self.count(text) == count)
      #expect(prefix(text, .max) == bytes)
      let limit = Int.random(in: 0...(count + 3), using: &random)
      #expect(prefix(text, limit) == Array(bytes.prefix(limit)))
      let url = text.replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_").trimmingCharacters(in: ["="])
      #expect(url.withRawBytes(Base64.decodeURL) == bytes)
    }
  }

  @Test func base64URLHasItsOwnAlphabetAndNoPadding() {
    #expect("_-8".withRawBytes(Base64.decodeURL) == [0xFF, 0xEF])
    for text in ["/+8", "_-8=", "Zg==", "A", "Zh", "Zm9vY", "Zm 9", "Z%"] {
      #expect(text.withRawBytes(Base64.decodeURL) == nil, "\(text)")
    }
    #expect(url("eyJleHAiOjE3MDB9") == "{\"exp\":1700}")
  }
}

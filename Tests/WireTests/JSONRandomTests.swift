import Foundation
import Testing

@testable import Wire

/// Random documents against Foundation's parser.
@Suite struct JSONRandomTests {
  @Test func randomDocumentsReadAsFoundationReadsThem() throws {
    var random = SeededGenerator.seeded("JSON documents")
    for _ in 0..<1500 {
      let text = document(&random, depth: 5)
      let expected = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
      try withJSON(text) { #expect(isEqual($0, expected), "\(text)") }
    }
  }

  /// One byte changed, removed or put in: both must accept it, with the same value, or both refuse.
  @Test func brokenDocumentsAreRefusedWhereFoundationRefusesThem() throws {
    var random = SeededGenerator.seeded("broken JSON documents")
    let bytes = Array("{}[]:,\"\\ \n\t0123456789.-+eEtruefalsn/ux".utf8)
    var refused = 0
    for _ in 0..<4000 {
      var text = Array(document(&random, depth: 3).utf8)
      let at = Int.random(in: 0..<text.count, using: &random)
      switch Int.random(in: 0..<3, using: &random) {
      case 0: text[at] = bytes.randomElement(using: &random)!
      case 1: text.insert(bytes.randomElement(using: &random)!, at: at)
      default: text.remove(at: at)
      }
      let shown = String(decoding: text, as: UTF8.self)
      // Foundation refuses lone surrogates and numbers too large for it, and accepts a comma before a closing bracket.
      guard !text.isEmpty, !shown.contains(/\\u[dD]|[eE][+-]?\d{3}|,\s*[\]}]/) else { continue }
      let expected = try? JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed)
      text.withUnsafeBytes { bytes in
        let root = try? JSONDocument(parsing: bytes).root
        if expected == nil { refused += 1 }
        #expect((root == nil) == (expected == nil), "\(shown)")
        if let root, let expected { #expect(isEqual(root, expected), "\(shown)") }
      }
    }
    #expect(refused > 500)
  }

  private func isEqual(_ value: JSONValue, _ other: Any) -> Bool {
    switch value.kind {
    case .null: return other is NSNull
    case .true, .false: return other as? Bool == value.bool
    case .number:
      // Foundation's numbers go through a decimal type and lose the last bits.
      guard let value = value.double, let other = (other as? NSNumber)?.doubleValue else { return false }
      return abs(value - other) <= 1e-12 * abs(value)
    case .string: return other as? String == value.string
    case .array:
      guard let other = other as? [Any], other.count == value.count, other.count == value.elements.count else { return false }
      return zip(value.elements, other).allSatisfy { isEqual($0, $1) }
    case .object:
      guard let other = other as? [String: Any] else { return false }
      let keys = Set(value.members.map { $0.key.string ?? "" })
      guard keys == Set(other.keys) else { return false }
      return keys.allSatisfy { key in value.member(named: key).map { isEqual($0, other[key]!) } ?? false }
    }
  }

  private func document(_ random: inout SeededGenerator, depth: Int) -> String {
    let value = value(&random, depth: depth)
    return space(&random) + value + space(&random)
  }

  private func value(_ random: inout SeededGenerator, depth: Int) -> String {
    switch Int.random(in: depth > 0 ? 0..<9 : 3..<9, using: &random) {
    case 0:
      // Names are numbered: which of two equal ones wins differs between parsers.
      let members = (0..<Int.random(in: 0...4, using: &random)).map { index in
        "\"\(index)" + string(&random).dropFirst() + space(&random) + ":" + space(&random) + value(&random, depth: depth - 1)
      }
      return "{" + space(&random) + members.joined(separator: space(&random) + "," + space(&random)) + space(&random) + "}"
    case 1, 2:
      let elements = (0..<Int.random(in: 0...5, using: &random)).map { _ in value(&random, depth: depth - 1) }
      return "[" + space(&random) + elements.joined(separator: space(&random) + "," + space(&random)) + space(&random) + "]"
    case 3: return "true"
    case 4: return "false"
    case 5: return "null"
    case 6: return string(&random)
    default: return number(&random)
    }
  }

  private func space(_ random: inout SeededGenerator) -> String { ["", "", "", " ", "\n", "\t\r "].randomElement(using: &random)! }

  private func string(_ random: inout SeededGenerator) -> String {
    let parts = [
      "a", "text ", "0123456789abcdefghij", "你好", "é", "😀", "\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\u4f60", "\\uD83D\\uDE00",
      "\\u0001", "{", ",",
    ]
    return "\"" + (0..<Int.random(in: 0...8, using: &random)).map { _ in parts.randomElement(using: &random)! }.joined() + "\""
  }

  private func number(_ random: inout SeededGenerator) -> String {
    let sign = Bool.random(using: &random) ? "-" : ""
    let whole = ["0", "7", "42", "1234567890", "9007199254740991"].randomElement(using: &random)!
    let fraction = ["", "", ".0", ".5", ".125000"].randomElement(using: &random)!
    let exponent = ["", "", "", "e1", "E+2", "e-3", "e10"].randomElement(using: &random)!
    return sign + whole + fraction + exponent
  }
}

import Testing
import Wire

@testable import XSTech

@Suite("Events") struct EventTests {
  private func failure(_ text: String) throws -> (Int, String)? {
    try text.withRawBytes { bytes in
      if case .failure(let code, let message) = try Event.decode(bytes) { return (code, message) }
      return nil
    }
  }

  private struct RecordValue: Equatable {
    var text: String
    var usage: Usage?
  }

  private func record(_ text: String) throws -> RecordValue? {
    try #"{"code":0,"type":"object","data":\#(text)}"#.withRawBytes { bytes in
      guard case .record(let record) = try Event.decode(bytes) else { return nil }
      return record.withText { RecordValue(text: String(decoding: $0, as: UTF8.self), usage: record.usage) }
    }
  }

  @Test func failuresCarryTheUpstreamsWords() throws {
    #expect(try failure(#"{"code":1,"err":"e","msg":"m"}"#).map { "\($0)" } == #"(1, "e")"#)
    #expect(try failure(#"{"code":2,"err":"","msg":"m"}"#).map { "\($0)" } == #"(2, "m")"#)
    #expect(try failure(#"{"code":-1,"err":null,"msg":7}"#).map { "\($0)" } == #"(-1, "")"#)
    #expect(try failure(#"{"code":"401","msg":"m"}"#).map { "\($0)" } == #"(401, "m")"#)
    for odd in ["true", "{}", "[]", "0.5", #""x""#, #""""#, "1e400"] {
      #expect(try failure(#"{"code":\#(odd),"msg":"m"}"#)?.0 == -1, "\(odd)")
    }
    for zero in ["0", "-0", "0.0", "null", #""0""#] {
      #expect(try failure(#"{"code":\#(zero),"type":"string","data":"a"}"#) == nil, "\(zero)")
    }
  }

  @Test func doneInItsForms() throws {
    for text in ["[DONE]", " [DONE]", "[DONE] \t"] {
      #expect(try text.withRawBytes { if case .done = try Event.decode($0) { true } else { false } })
    }
    for text in ["[done]", "[DONE", "DONE", "", " ", "[DONE]]"] {
      #expect(throws: EventError.self) { try text.withRawBytes { _ = try Event.decode($0) } }
    }
  }

  @Test func recordsGiveTextAndUsage() throws {
    let usual = try record(
      #"{"aiText":"a\n\ud83d\ude00","promptTokens":2155,"completionTokens":967,"contextTokens":1129,"useTokens":3122}"#)
    #expect(usual == RecordValue(text: "a\n😀", usage: Usage(prompt: 2155, completion: 967, total: 3122)))
    #expect(try record("{}") == RecordValue(text: "", usage: nil))
    #expect(try record(#"{"aiText":null,"promptTokens":1}"#) == RecordValue(text: "", usage: nil))
    #expect(try record(#"{"aiText":5,"promptTokens":1,"completionTokens":2}"#)?.usage == Usage(prompt: 1, completion: 2, total: 3))
    #expect(try record(#"{"promptTokens":-1,"completionTokens":2}"#)?.usage == nil)
    #expect(try record(#"{"promptTokens":"1","completionTokens":2}"#)?.usage == nil)
    let huge = #"{"promptTokens":9223372036854775807,"completionTokens":9223372036854775807}"#
    #expect(try record(huge)?.usage?.prompt == .max)
  }
}

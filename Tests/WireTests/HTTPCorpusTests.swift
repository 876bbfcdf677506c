import Foundation
import Testing

@testable import Wire

/// What llhttp's and gunicorn's authors test their parsers with. Where llhttp, gunicorn and h11 agree, so do we.
@Suite("HTTP corpus", .enabled(if: Corpora.has("http-cases.jsonl")))
struct HTTPCorpusTests {
  struct Case: Decodable {
    let id: String
    let b64: Data
    let votes: [String: String]
    let hasHost: Bool
  }

  enum Verdict: String { case accept, reject, incomplete }

  /// Where we differ on purpose, and why.
  static let differences: [String: String] = [
    "gunicorn/valid/031compat":
      "`-blargh` is a token (RFC 9110, section 5.6.2); h11 misses the Host, gunicorn has its own rule for methods",
    "gunicorn/valid/031compat2": "the same",
    "gunicorn/invalid/003c": "the same with `-bl`",
    "gunicorn/valid/rfc9112_target_absolute_userinfo_01": "user information in a target is an error (RFC 9110, section 4.2.4)",
  ]

  private func cases() throws -> [Case] {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try Data(Corpora.read("http-cases.jsonl")).split(separator: UInt8(ascii: "\n")).map {
      try decoder.decode(Case.self, from: $0)
    }
  }

  /// The first message decides: `accept-then-reject` accepts it.
  private func common(_ votes: [String: String]) -> Verdict? {
    let verdicts = Set(votes.values.map { $0.prefix { $0.isLetter } })
    return verdicts.count == 1 ? Verdict(rawValue: String(verdicts.first!)) : nil
  }

  /// With a Host field behind the first line of a request that has none.
  private func bytes(of example: Case) -> [UInt8] {
    let bytes = [UInt8](example.b64)
    guard !example.hasHost, let line = bytes.firstIndex(of: UInt8(ascii: "\n")), line > 0, bytes[line - 1] == UInt8(ascii: "\r")
    else { return bytes }
    // Not behind an empty line in front of the request.
    guard line > 1 else { return bytes }
    return bytes[...line] + Array("Host: added.example\r\n".utf8) + bytes[(line + 1)...]
  }

  private func verdict(_ reader: HTTPTestReader) -> Verdict {
    let complete = reader.messages.count - (reader.end == .inBody ? 1 : 0)
    if reader.end.isFailure && reader.messages.count <= 1 && !isFirstComplete(reader) { return .reject }
    return complete > 0 ? .accept : .incomplete
  }

  /// A failure behind the head of the only message may be its body's or the next head's.
  private func isFirstComplete(_ reader: HTTPTestReader) -> Bool {
    guard let head = reader.heads.first else { return false }
    switch head.framing {
    case .none: return true
    case .length(let count): return reader.messages[0].body.utf8.count == count
    case .chunked: return reader.messages.count > 1
    }
  }

  @Test func weAgreeWhereAllAgree() throws {
    var agreed = 0
    for example in try cases() {
      guard let expected = common(example.votes) else { continue }
      let ours = verdict(HTTPTestReader([bytes(of: example)]))
      if Self.differences[example.id] != nil {
        #expect(ours != expected, "\(example.id) is not a difference any more")
      } else {
        #expect(ours == expected, "\(example.id)")
        agreed += 1
      }
    }
    print("HTTP corpus: \(agreed) cases on which all parsers agree")
    #expect(agreed > 100)
  }

  @Test func everyCaseSplitAtEveryByte() throws {
    for example in try cases() where example.b64.count < 3000 {
      let bytes = bytes(of: example)
      let whole = HTTPTestReader([bytes])
      let single = HTTPTestReader(bytes.map { [$0] })
      #expect(single.messages == whole.messages && single.end == whole.end, "\(example.id) byte by byte")
      for at in bytes.indices {
        let split = HTTPTestReader([Array(bytes[..<at]), Array(bytes[at...])])
        guard split.messages != whole.messages || split.end != whole.end else { continue }
        Issue.record("\(example.id) split at \(at): \(split.end) instead of \(whole.end)")
        break
      }
    }
  }
}

import Testing
import Wire

@testable import XSTech

/// An event without pointers, to be compared.
private enum Outcome: Equatable {
  case text([UInt8], hasEscapes: Bool)
  case record([UInt8], Usage?)
  case failure(Int, String)
  case done, unknown, refused
}

private func scan(_ data: UnsafeRawBufferPointer) -> TextPiece? { TextPieceScanner.scan(data, scratch: ByteBuffer()) }

private func outcome(_ decode: (UnsafeRawBufferPointer) throws(EventError) -> Event, _ bytes: [UInt8]) -> Outcome {
  // A copy of exactly this length: reading beyond it is reading foreign memory.
  let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
  defer { copy.deallocate() }
  copy.copyBytes(from: bytes)
  do throws(EventError) {
    switch try decode(UnsafeRawBufferPointer(copy)) {
    case .text(let inside, let hasEscapes): return .text(Array(inside), hasEscapes: hasEscapes)
    case .record(let record): return .record(Array(record.answer), record.usage)
    case .failure(let code, let message): return .failure(code, message)
    case .done: return .done
    case .unknown: return .unknown
    }
  } catch {
    return .refused
  }
}

private func takesFast(_ text: String) -> Bool { text.withRawBytes { scan($0) != nil } }

@Suite("The fast scanner") struct TextPieceScannerTests {
  @Test(arguments: [
    #"{"code":0,"type":"string","data":"你好"}"#, #"{"code":0,"type":"string","data":""}"#,
    #"{"code":0,"type":"string","data":"a\n\"b\" \\ \/ \u00e9 \ud83d\ude00"}"#,
    #"{"type":"string","data":"plain text, longer than sixteen bytes"}"#,
    #"{"code":0,"type":"string","data":"\ud83d"}"#, #"{"code":0,"type":"string","data":"}\"}"}"#,
  ]) func takesTheUsualEvents(_ text: String) { #expect(takesFast(text)) }

  @Test(arguments: [
    "", "{", "[DONE]", #"{"code":0,"type":"string","data":""#, #"{"code":0,"type":"string","data":"a""#,
    #"{"code":0,"type":"string","data":"a"} "#, #" {"code":0,"type":"string","data":"a"}"#,
    #"{"code":1,"type":"string","data":"a"}"#,
    #"{"code":0,"type":"object","data":"a"}"#, #"{"code":0,"type":"string","data":"a","code":1}"#,
    #"{"code":0,"type":"string","data":"a"}}"#, #"{"code":0,"type":"string","data":"\x"}"#,
    #"{"code":0,"type":"string","data":"\"}"#, #"{"code":0,"type":"string","data":"\u12"}"#,
    "{\"type\":\"string\",\"data\":\"\u{1}\"}",
    #"{"code":00,"type":"string","data":"a"}"#, #"{"code":0, "type":"string","data":"a"}"#,
  ]) func declinesAnythingElse(_ text: String) { #expect(!takesFast(text)) }

  @Test func declinesWhatIsNotUTF8() {
    for bad in [[0xFF], [0xC3], [0xE4, 0xBD], [0xED, 0xA0, 0x80], [0xC0, 0xAF], [0xF5, 0x80, 0x80, 0x80]] as [[UInt8]] {
      let event = Array(#"{"code":0,"type":"string","data":""#.utf8) + bad + Array(#""}"#.utf8)
      #expect(event.withUnsafeBytes { scan($0) == nil })
      #expect(outcome(Event.decode, event) == .refused)
    }
  }

  @Test func theInsideLiesInPlace() throws {
    try #"{"code":0,"type":"string","data":"a\nb"}"#.withRawBytes { bytes in
      let piece = try #require(scan(bytes))
      #expect(piece.inside.baseAddress == bytes.baseAddress.map { $0 + 34 })
      #expect(piece.inside.count == 4)
      #expect(piece.hasEscapes)
    }
  }

  @Test func agreesWithTheFullParserOnARandomCorpus() {
    var random = SeededGenerator.seeded("events")
    var taken = 0
    for round in 0..<20_000 {
      var event = Corpus.event(&random)
      if round % 3 > 0 { Corpus.mutate(&event, &random) }
      let fast = event.withUnsafeBytes { scan($0) != nil }
      if fast { taken += 1 }
      let (both, full) = (outcome(Event.decode, event), outcome(Event.decodeFully, event))
      guard both != full else { continue }
      Issue.record("\(String(decoding: event, as: UTF8.self)): \(both), but the full parser says \(full)")
      return
    }
    #expect(taken > 3000, "the corpus must hold what the scanner takes")
  }

  @Test func decodesAsTheDecoderDoes() {
    var random = SeededGenerator.seeded("decoded")
    var withEscapes = 0
    for _ in 0..<5000 {
      Corpus.usual(&random).withUnsafeBytes { event in
        let scratch = ByteBuffer()
        guard let piece = TextPieceScanner.scan(event, scratch: scratch) else { return }
        let text = ByteBuffer()
        JSONString.decode(piece.inside, into: text)
        #expect(piece.text.elementsEqual(text.bytes))
        #expect(piece.hasEscapes == piece.inside.contains(UInt8(ascii: "\\")))
        // The corpus holds no U+FFFD but those that stand for half a pair.
        #expect(piece.hasLoneSurrogates == text.text.unicodeScalars.contains("\u{FFFD}"))
        if piece.hasEscapes { withEscapes += 1 }
      }
    }
    #expect(withEscapes > 2000)
  }

  private func frame(_ text: String, maxBytes: Int = 1 << 20) -> Int? {
    text.withRawBytes { TextPieceScanner.scanFramed($0, maxBytes: maxBytes, scratch: ByteBuffer())?.length }
  }

  @Test func takesAWholeEventOffAStream() {
    let event = #"data: {"code":0,"type":"string","data":"a\nb 你好"}"# + "\n\n"
    #expect(frame(event) == event.utf8.count)
    #expect(frame(event + "data: [DONE]\n\n") == event.utf8.count)
    #expect(frame(event, maxBytes: event.utf8.count) == event.utf8.count)
    #expect(frame(event, maxBytes: event.utf8.count - 1) == nil)
    #expect(frame("data: {\"type\":\"string\",\"data\":\"\"}\n\n") == 35)
  }

  @Test(arguments: [
    "", "data: ", "data:{\"type\":\"string\",\"data\":\"a\"}\n\n", "data: {\"type\":\"string\",\"data\":\"a\"}",
    "data: {\"type\":\"string\",\"data\":\"a\"}\n", "data: {\"type\":\"string\",\"data\":\"a\"}\ndata: x\n\n",
    "data: {\"type\":\"string\",\"data\":\"a\"}\r\n\r\n", "data: {\"type\":\"string\",\"data\":\"a\"} \n\n",
    "data: {\"type\":\"string\",\"data\":\"a\n\"}\n\n", "data: {\"type\":\"string\",\"data\":\"a", "\n\n", ": keep-alive\n\n",
  ]) func declinesEveryOtherFrame(_ stream: String) { #expect(frame(stream) == nil) }

  /// What it takes is what splitting into lines and the full parser find, and nothing is read behind the end.
  @Test func agreesWithTheDecoderOnARandomStream() {
    var random = SeededGenerator.seeded("framed events")
    var taken = 0
    for round in 0..<20_000 {
      var stream = Array("data: ".utf8) + Corpus.event(&random) + Array("\n\n".utf8)
      if round % 3 > 0 { Corpus.mutate(&stream, &random) }
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: stream.count, alignment: 1)
      defer { copy.deallocate() }
      copy.copyBytes(from: stream)
      let found = TextPieceScanner.scanFramed(.init(copy), maxBytes: 1 << 20, scratch: ByteBuffer())
      guard let (piece, length) = found else { continue }
      taken += 1
      var (events, decoder) = ([Outcome](), SSEDecoder(maxLineBytes: 1 << 20))
      try? decoder.feed(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(copy)[..<length])) { data in
        events.append(outcome(Event.decodeFully, Array(data)))
        return true
      }
      guard events != [.text(Array(piece.inside), hasEscapes: piece.hasEscapes)] else { continue }
      Issue.record("\(String(decoding: stream, as: UTF8.self)): \(events)")
      return
    }
    #expect(taken > 2000, "the corpus must hold what the scanner takes")
  }

  @Test func takesEveryUnchangedUsualEventOfTheCorpus() {
    var random = SeededGenerator.seeded("usual events")
    for _ in 0..<5000 {
      let event = Corpus.usual(&random)
      guard event.withUnsafeBytes({ scan($0) == nil }) else { continue }
      Issue.record("declined: \(String(decoding: event, as: UTF8.self))")
      return
    }
  }
}

/// Events, valid and not.
private enum Corpus {
  private static let parts = [
    "a", "word ", "你好", "😀", "é", "\\n", "\\\"", "\\\\", "\\/", "\\u00e9", "\\ud83d\\ude00", "\\ud83d", "\\u003c", "<think>", "}",
    "{", ":", ",",
    "a long run of plain characters that fills a vector", "\u{7F}",
  ]

  static func usual(_ random: inout SeededGenerator) -> [UInt8] {
    let inside = (0..<Int.random(in: 0...8, using: &random)).map { _ in parts.randomElement(using: &random)! }.joined()
    return Array(((Bool.random(using: &random) ? #"{"code":0,"# : "{") + #""type":"string","data":""# + inside + #""}"#).utf8)
  }

  static func event(_ random: inout SeededGenerator) -> [UInt8] {
    switch Int.random(in: 0..<8, using: &random) {
    case 0: Array(#"{"code":0,"type":"object","data":{"aiText":"a\n","promptTokens":1,"completionTokens":2,"useTokens":3}}"#.utf8)
    case 1: Array(#"{"code":\#(Int.random(in: -2...2, using: &random)),"type":"string","data":"a","msg":"m"}"#.utf8)
    case 2: Array(#"{ "data":"x","type" : "string" }"#.utf8)
    case 3: Array(" [DONE]".utf8)
    default: usual(&random)
    }
  }

  static func mutate(_ event: inout [UInt8], _ random: inout SeededGenerator) {
    for _ in 0...Int.random(in: 0...2, using: &random) {
      guard !event.isEmpty else { return }
      let at = Int.random(in: 0..<event.count, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0: event[at] = UInt8.random(in: 0...255, using: &random)
      case 1: event.remove(at: at)
      case 2: event.insert(#""\{}:, u0d8"#.utf8.randomElement(using: &random)!, at: at)
      case 3: event = Array(event[..<at])
      case 4: event[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      default: event.append(#""} "#.utf8.randomElement(using: &random)!)
      }
    }
  }
}

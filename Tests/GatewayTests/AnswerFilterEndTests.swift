import Testing
import Wire

@testable import Gateway

/// What is still held back when the answer ends.
@Suite("Answer filter: the end")
struct AnswerFilterEndTests {
  private struct Sink: AnswerSink {
    var content = ""
    var reasoning = ""
    mutating func content(_ inside: UnsafeRawBufferPointer) { content += String(decoding: inside, as: UTF8.self) }
    mutating func reasoning(_ inside: UnsafeRawBufferPointer) { reasoning += String(decoding: inside, as: UTF8.self) }
  }

  private func filtered(_ pieces: [String], stops: [String]) -> (sink: Sink, isStopped: Bool) {
    let digest = ConversationDigest(key: .init(k0: 1, k1: 2))
    var filter = AnswerFilter(stops: stops, digest: digest, scratch: AnswerScratch())
    var sink = Sink()
    for piece in pieces {
      Array(piece.utf8).withUnsafeBytes { filter.piece($0, hasEscapes: piece.contains("\\"), to: &sink) }
    }
    filter.finish(to: &sink)
    return (sink, filter.isStopped)
  }

  @Test(arguments: [[#"\n\n"#], [#"\n"#, #"\n"#], [#" \n"#, #"\n "#]])
  func anAnswerOfWhiteSpaceEndsBeforeAStopSequence(_ pieces: [String]) {
    let (sink, isStopped) = filtered(pieces, stops: ["\n\n"])
    #expect(isStopped)
    #expect(sink.content == String(pieces.joined().prefix { $0 == " " }))
  }

  @Test func anAnswerOfWhiteSpaceIsGivenOutWithoutStops() {
    #expect(filtered([#"\n"#, " "], stops: []).sink.content == #"\n "#)
    #expect(filtered([#"\n"#, " "], stops: ["x"]).sink.content == #"\n "#)
  }

  @Test func halfASurrogatePairAtTheEndIsReplaced() {
    #expect(filtered([#"a\ud83d"#], stops: []).sink.content == "a\u{FFFD}")
    #expect(filtered([#"\ud83d"#], stops: ["x"]).sink.content == "\u{FFFD}")
  }

  @Test func theBeginningOfATagIsAnAnswerAsWell() {
    let (sink, isStopped) = filtered([" <thi"], stops: ["hi"])
    #expect(isStopped)
    #expect(sink.content == " <t")
    #expect(filtered([" <thi"], stops: []).sink.content == " <thi")
  }
}

import HTTPClient
import Testing
import Wire
import XSTech

@testable import Gateway

@Suite("Recorded streams") struct StreamReplayTests {
  @Test func theFixturesAreThere() { #expect(StreamFixture.all.count >= 70) }

  @Test(arguments: StreamFixture.all) func asExpected(_ fixture: StreamFixture) {
    let replay = Replay(fixture, parts: [fixture.upstream[...]])
    #expect(replay.output == fixture.expected)
    #expect(replay.content == fixture.meta.content)
    #expect(replay.reasoning == fixture.meta.reasoning)
    #expect(replay.usage.map { [$0.prompt, $0.completion, $0.total] } == fixture.meta.usage)
    let isCommitted = !fixture.expected.isEmpty
    #expect(replay.begins == (isCommitted ? 1 : 0))
    switch replay.action {
    case .finish(let keepsSession):
      #expect(fixture.meta.error == nil)
      #expect(keepsSession == fixture.meta.keepsSession)
      #expect(replay.ends == [false])
    case .fail(let error):
      #expect(error.code == fixture.meta.error?.code)
      #expect(error.message == fixture.meta.error?.message)
      #expect(replay.ends == (isCommitted ? [true] : []))
    case .askForAccount, .createSession, .replaceSession, .tryElsewhere, .tryNextModel, .updateSession, .send, .abandon,
      .sendKeepAlive, .nothing:
      Issue.record("the replay ends with \(replay.action)")
    }
  }

  @Test(arguments: StreamFixture.all) func splitAtEveryByte(_ fixture: StreamFixture) {
    let bytes = fixture.upstream
    let whole = Replay(fixture, parts: [bytes[...]])
    for at in 0...bytes.count {
      let split = Replay(fixture, parts: [bytes[..<at], bytes[at...]])
      guard split != whole else { continue }
      Issue.record("split at \(at): \(split) instead of \(whole)")
      return
    }
  }

  @Test(arguments: StreamFixture.all) func byteByByte(_ fixture: StreamFixture) {
    let whole = Replay(fixture, parts: [fixture.upstream[...]])
    #expect(Replay(fixture, parts: fixture.upstream.indices.map { fixture.upstream[$0...$0] }) == whole)
  }

  /// What the client keeps of an answer must be what the conversation is filed under.
  @Test(arguments: StreamFixture.all) func theDigestIsThatOfTheContent(_ fixture: StreamFixture) {
    guard fixture.meta.keepsSession == true else { return }
    let replay = Replay(fixture, parts: [fixture.upstream[...]])
    var digest = Replay.key.answer()
    fixture.meta.content.withRawBytes { digest.update($0) }
    #expect(replay.digest == digest.whole)
  }

  /// Every chunk is one whole JSON text with the same head.
  @Test(arguments: StreamFixture.all) func everyChunkIsJSON(_ fixture: StreamFixture) throws {
    for event in Replay(fixture, parts: [fixture.upstream[...]]).output.split(separator: "\n\n") {
      guard event != "data: [DONE]" else { continue }
      #expect(event.hasPrefix("data: "))
      let object = try foundationObject(event.dropFirst(6))
      guard object["error"] == nil else { continue }
      #expect(object["id"] as? String == "chatcmpl-fixture")
      #expect(object["created"] as? Int == 1_700_000_000)
      #expect(object["object"] as? String == "chat.completion.chunk")
    }
  }

  @Test func aKeepAliveCommitsButIsNoOutput() {
    let stream = CollectingStream()
    let encoder = OpenAIStreamEncoder(
      stream, head: HTTPResponseHead(status: 200), identity: .init(id: "i", created: 1, model: "m"), includesUsage: false)
    #expect(!encoder.isCommitted)
    encoder.keepAlive()
    #expect(encoder.isCommitted)
    #expect(stream.written.text == ": keep-alive\n\n")
    encoder.keepAlive()
    encoder.fail(.emptyAnswer)
    #expect(stream.begins == 1)
    #expect(stream.ends == [true])
    #expect(!stream.written.text.contains("role"))
    #expect(!stream.written.text.contains("[DONE]"))
  }
}

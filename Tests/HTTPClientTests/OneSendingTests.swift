import EventLoop
import Testing
import Wire

@testable import HTTPClient

/// A reused connection that dies without an answer: libcurl would send again on another, silently.
@Suite struct OneSendingTests {
  struct Variant: CustomTestStringConvertible {
    let size: Int
    let mayBeSentTwice: Bool
    let byReset: Bool
    var testDescription: String { "\(size) bytes, \(mayBeSentTwice ? "twice" : "once"), \(byReset ? "RST" : "FIN")" }
  }
  static let variants = [4, 300_000].flatMap { size in
    [true, false].flatMap { twice in [true, false].map { Variant(size: size, mayBeSentTwice: twice, byReset: $0) } }
  }

  @Test(arguments: variants) func deathOfAReusedConnection(variant: Variant) throws {
    try withRig { rig in
      var copies = 0
      rig.server.onRequest = { connection, request in
        guard request.line.hasPrefix("POST") else { return connection.respond("ok") }
        copies += 1
        #expect(request.body.utf8.count == variant.size)
        if copies > 1 { connection.respond("done") } else if variant.byReset { connection.reset() } else { connection.close() }
      }
      let first = Recorder()
      rig.start(into: first)
      rig.run()
      #expect(first.isComplete)
      let second = Recorder()
      rig.start(
        .post, body: [part(String(repeating: "x", count: variant.size))], mayBeSentTwice: variant.mayBeSentTwice, into: second)
      rig.run()
      rig.run(milliseconds: 30)
      if variant.mayBeSentTwice {
        #expect(second.isComplete)
        #expect(second.body.text == "done")
        #expect(copies == 2)
      } else {
        #expect(second.error?.kind == .noResponse)
        #expect(copies == 1)
      }
    }
  }

  /// What died while idle is noticed before anything is sent.
  @Test func connectionThatDiedWhileIdleIsNotUsed() throws {
    try withRig { rig in
      let second = rig.postAfterIdleConnectionEnded(behind: "")
      #expect(second.isComplete)
      #expect(rig.server.connections.count == 2)
      #expect(rig.server.requests.count == 2)
    }
  }

  @Test func freshConnectionThatDiesIsNotTriedAgain() throws {
    try withRig { rig in
      rig.server.onRequest = { connection, _ in connection.close() }
      let recorder = Recorder()
      rig.start(.post, body: [part("x")], mayBeSentTwice: true, into: recorder)
      rig.run()
      #expect(recorder.error?.kind == .noResponse)
      #expect(rig.server.requests.count == 1)
    }
  }
}

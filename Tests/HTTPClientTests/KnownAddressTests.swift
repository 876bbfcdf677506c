import EventLoop
import Testing
import Wire

@testable import HTTPClient

/// The address that libcurl connected to last is used again without it.
@Suite struct KnownAddressTests {
  /// Whether libcurl makes the connection, once it is the transfer's turn.
  private func isConnecting(_ transfer: HTTPTransfer) -> Bool {
    transfer.client.runTurn()
    if case .waiting = transfer.state { Issue.record("it was not its turn") }
    return if case .connecting = transfer.state { true } else { false }
  }

  /// Every answer ends its connection.
  private func withKnownAddress(connectTimeout: Int = 10_000, _ body: (Rig) throws -> Void) throws {
    var configuration = HTTPClientConfiguration()
    configuration.connectTimeoutMilliseconds = connectTimeout
    try withRig(configuration) { rig in
      rig.server.onRequest = { connection, request in
        connection.send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: \(request.body.utf8.count)\r\n\r\n\(request.body)")
      }
      let first = Recorder()
      #expect(isConnecting(rig.start(.post, body: [part("first")], into: first)))
      rig.run()
      #expect(first.body.text == "first")
      try body(rig)
    }
  }

  @Test func nextConnectionIsMadeToIt() throws {
    try withKnownAddress { rig in
      let recorders = (0..<3).map { _ in Recorder() }
      let sizes = [5, 20_000, 4_000_000]
      for (recorder, size) in zip(recorders, sizes) {
        let body = String(repeating: "x", count: size)
        #expect(!isConnecting(rig.start(.post, body: [part(body)], into: recorder)))
        #expect(recorder.ends.isEmpty)
      }
      rig.server.onRequest = { connection, request in connection.respond("\(request.body.utf8.count)") }
      rig.run()
      #expect(recorders.map(\.body.text) == sizes.map { "\($0)" })
      #expect(rig.server.connections.count == 4)
    }
  }

  @Test func notForAnotherOrigin() throws {
    try withKnownAddress { rig in
      let second = Recorder()
      #expect(isConnecting(rig.start(.post, url: "http://localhost:\(rig.server.port)/", body: [part("second")], into: second)))
      rig.run()
      #expect(second.body.text == "second")
    }
  }

  @Test func untilItsTimeIsOver() throws {
    let listener = try FullListener(port: 0)
    defer { listener.close() }
    let origin = try HTTPBaseURL("http://127.0.0.1:\(listener.port)").parts.get()
    let other = try HTTPBaseURL("http://127.0.0.2:\(listener.port)").parts.get()
    let known = try #require(KnownAddress(behind: listener.filler, of: origin, now: 1000))
    for (origin, now, isUsed) in [
      (origin, 1000, true), (origin, 30_999, true), (origin, 31_000, false), (other, 1000, false),
    ] {
      let descriptor = known.connect(to: origin, now: UInt64(now))
      #expect((descriptor != nil) == isUsed)
      if let descriptor { ByteChannel.plain(descriptor).close() }
    }
    #expect(KnownAddress(behind: -1, of: origin, now: 1000) == nil)
  }

  /// The words are libcurl's, which has been asked for its own connection.
  @Test func nobodyThereAnyMore() throws {
    try withKnownAddress { rig in
      let url = rig.url
      rig.server.close()
      for isKnown in [true, false] {
        let recorder = Recorder()
        #expect(isConnecting(rig.start(.post, url: url, body: [part("x")], into: recorder)) == !isKnown)
        #expect(recorder.ends.isEmpty)
        rig.run()
        #expect(recorder.error?.kind == .notConnected)
        #expect(recorder.error?.message.hasPrefix("CURLE_COULDNT_CONNECT (7): Failed to connect to 127.0.0.1") == true)
      }
    }
  }

  /// Nor may a request be lost that was sent on a connection of this kind.
  @Test func connectionThatDiesWithTheRequest() throws {
    try withKnownAddress { rig in
      rig.server.onRequest = { connection, _ in connection.reset() }
      let recorder = Recorder()
      rig.start(.post, body: [part("x")], mayBeSentTwice: true, into: recorder)
      rig.run()
      #expect(recorder.error?.kind == .noResponse)
      #expect(rig.server.requests.count == 2)
    }
  }

  /// What the known address took counts.
  @Test func noAnswerAtAll() throws {
    try withKnownAddress(connectTimeout: 4000) { rig in
      let listener = try full(rig)
      defer { listener.close() }
      let begin = ContinuousClock.now
      let recorder = Recorder()
      #expect(!isConnecting(rig.start(url: "http://127.0.0.1:\(listener.port)/", into: recorder)))
      rig.run()
      #expect(recorder.error?.kind == .connectTimeout)
      #expect(recorder.error?.message.hasPrefix("CURLE_OPERATION_TIMEDOUT (28)") == true)
      let elapsed = ContinuousClock.now - begin
      #expect(elapsed > .milliseconds(3900) && elapsed < .milliseconds(5900))
    }
  }

  @Test func cancelledBeforeItIsMade() throws {
    try withKnownAddress { rig in
      let listener = try full(rig)
      defer { listener.close() }
      let recorder = Recorder()
      let transfer = rig.start(url: "http://127.0.0.1:\(listener.port)/", into: recorder)
      rig.run(milliseconds: 20)
      #expect(!isConnecting(transfer))
      transfer.cancel()
      #expect(recorder.ends.isEmpty)
    }
  }

  /// The request is not sent before the connection is made.
  @Test func connectionThatTakesAWhile() throws {
    try withKnownAddress { rig in
      let listener = try full(rig)
      defer { listener.close() }
      let timer = LoopTimer(loop: rig.loop) { listener.answer("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate") }
      timer.start(after: 20, repeating: 20)
      defer { timer.close() }
      let recorder = Recorder()
      let transfer = rig.start(.post, url: "http://127.0.0.1:\(listener.port)/", body: [part("x")], into: recorder)
      var wasConnecting = false
      recorder.onHead = { _ in wasConnecting = isConnecting(transfer) }
      rig.run()
      #expect(recorder.body.text == "late" && !wasConnecting)
    }
  }

  /// Takes the server's place.
  private func full(_ rig: Rig) throws -> FullListener {
    let port = rig.server.port
    rig.server.close()
    rig.run(milliseconds: 20)
    return try FullListener(port: port)
  }
}

import EventLoop
import Testing
import Wire

@testable import HTTPClient

/// Transfers that libcurl carries out as a whole: the way of HTTP/2. Without TLS libcurl speaks HTTP/1.1 here too, which the server knows.
@Suite struct LibcurlTransferTests {
  private var configuration: HTTPClientConfiguration {
    var configuration = HTTPClientConfiguration()
    configuration.version = .http2
    return configuration
  }

  @Test func requestsAndReuse() throws {
    try withRig(configuration) { rig in
      let big = String(repeating: "x", count: 300_000)
      for (method, parts) in [
        (HTTPClientRequest.Method.get, []), (.post, ["a", "b"]), (.put, [big, big]), (.delete, []), (.post, []),
      ] {
        let recorder = Recorder()
        rig.start(method, "a?b=c", headers: ["x-one: 1"], body: parts.map(part), into: recorder)
        rig.run()
        #expect(recorder.isComplete)
        #expect(recorder.body.text == "ok")
      }
      #expect(rig.server.requests.map(\.line).allSatisfy { $0.hasSuffix(" /a?b=c HTTP/1.1") })
      #expect(rig.server.requests.map(\.body.utf8.count) == [0, 2, 600_000, 0, 0])
      #expect(rig.server.requests.allSatisfy { $0.header("x-one") == "1" && $0.header("expect") == nil })
      #expect(rig.server.connections.count == 1)
    }
  }

  /// Bytes in front of the end hide it from libcurl's own look at an idle connection.
  @Test func connectionThatEndedBehindBytesIsNotUsed() throws {
    try withRig(configuration) { rig in
      let second = rig.postAfterIdleConnectionEnded(behind: "late")
      #expect(second.isComplete)
      #expect(second.body.text == "ok")
      #expect(rig.server.connections.count == 2)
    }
  }

  @Test func pausedAgainAndAgain() throws {
    try withRig(configuration) { rig in
      rig.server.onRequest = { connection, _ in
        connection.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for number in 0..<100 { connection.chunk("<\(number)>") }
        connection.send("0\r\n\r\n")
      }
      let recorder = Recorder()
      var current: HTTPTransfer?
      let timer = LoopTimer(loop: rig.loop) { current?.resume() }
      timer.start(after: 1, repeating: 1)
      recorder.onHead = { transfer in
        current = transfer
        transfer.pause()
      }
      recorder.onBytes = { $0.pause() }
      rig.start(into: recorder)
      rig.run()
      timer.close()
      #expect(recorder.isComplete)
      #expect(recorder.body.text == (0..<100).map { "<\($0)>" }.joined())
    }
  }

  /// libcurl may not be called from within its callbacks, where the delegate is.
  @Test(arguments: ["head", "bytes", "end"]) func startedCancelledAndClosedInsideCallbacks(moment: String) throws {
    try withRig(configuration) { rig in
      let (outer, inner, victim) = (Recorder(), Recorder(), Recorder())
      rig.server.onRequest = { connection, request in if !request.line.contains("silent") { connection.respond("ok") } }
      let request = HTTPClientRequest(
        method: .get, base: HTTPBaseURL(rig.url), path: "/silent", headers: HTTPClientHeaders([]), mayBeSentTwice: false)
      let silent = rig.client.start(request, delegate: victim)
      let act = {
        silent.cancel()
        rig.start(into: inner)
        rig.client.start(request, delegate: victim).cancel()
      }
      switch moment {
      case "head": outer.onHead = { _ in act() }
      case "bytes": outer.onBytes = { _ in act() }
      default: outer.onEnd = { _ in act() }
      }
      inner.onEnd = { _ in rig.client.close() }
      rig.start(into: outer)
      rig.run()
      #expect(outer.isComplete && inner.isComplete)
      #expect(victim.heads.isEmpty && victim.ends.isEmpty)
      #expect(rig.client.activeTransfers == 0)
    }
  }

  @Test(arguments: ["", "ftp://127.0.0.1/", "http://nowhere.invalid/", "http://127.0.0.1:1/"]) func notConnected(url: String) throws
  {
    try withRig(configuration) { rig in
      let recorder = Recorder()
      rig.start(url: url, into: recorder)
      #expect(recorder.ends.isEmpty)
      rig.run()
      #expect(recorder.error?.kind == .notConnected)
    }
  }

  @Test(arguments: [
    ("", HTTPClientError.Kind.noResponse), ("HTTP/1.1 200 OK\r\nconte", .brokenResponse), ("SSH-2.0-x\r\n", .invalidResponse),
    ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel", .brokenResponse),
  ]) func whatBreaks(answer: String, kind: HTTPClientError.Kind) throws {
    try withRig(configuration) { rig in
      rig.server.onRequest = { connection, _ in
        connection.send(answer)
        connection.close()
      }
      let recorder = Recorder()
      rig.start(.post, body: [part("x")], into: recorder)
      rig.run()
      #expect(recorder.error?.kind == kind)
    }
  }

  @Test(arguments: [true, false]) func oneSending(mayBeSentTwice: Bool) throws {
    try withRig(configuration) { rig in
      var copies = 0
      rig.server.onRequest = { connection, request in
        guard request.line.hasPrefix("POST") else { return connection.respond("ok") }
        copies += 1
        if copies > 1 { connection.respond("done") } else { connection.close() }
      }
      rig.start(into: Recorder())
      rig.run()
      let second = Recorder()
      rig.start(.post, body: [part("x")], mayBeSentTwice: mayBeSentTwice, into: second)
      rig.run()
      #expect(copies == (mayBeSentTwice ? 2 : 1))
      #expect(second.error?.kind == (mayBeSentTwice ? nil : .noResponse))
    }
  }
}

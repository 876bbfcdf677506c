import EventLoop
import Testing
import Wire

@testable import HTTPClient

@Suite struct ResponseTests {
  /// The server sends the next piece only when the client's delegate has the last one: anything held back would hang.
  @Test func chunksArriveOneByOne() throws {
    try withRig { rig in
      var connection: ServerConnection?
      rig.server.onRequest = { server, _ in
        connection = server
        server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type:  text/event-stream; charset=utf-8 \r\n\r\n")
      }
      let recorder = Recorder()
      recorder.onHead = { _ in connection?.chunk("piece 0") }
      recorder.onBytes = { _ in
        if recorder.pieces.count < 50 { connection?.chunk("piece \(recorder.pieces.count)") } else { connection?.send("0\r\n\r\n") }
      }
      rig.start(into: recorder)
      rig.run()
      #expect(recorder.isComplete)
      #expect(recorder.heads.first?.contentType == "text/event-stream; charset=utf-8")
      #expect(recorder.pieces == (0..<50).map { "piece \($0)" })
    }
  }

  @Test func chunkSplitAtEveryByteAndTrailers() throws {
    let response = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nlocation: /late\r\n\r\n"
    try withRig { rig in
      var timer: LoopTimer?
      rig.server.onRequest = { connection, _ in
        var rest = Substring(response)
        timer = LoopTimer(loop: rig.loop) { if let byte = rest.unicodeScalars.popFirst() { connection.send(String(byte)) } }
        timer?.start(after: 0, repeating: 1)
      }
      let recorder = Recorder()
      rig.start(into: recorder)
      rig.run()
      timer?.close()
      #expect(recorder.isComplete)
      #expect(recorder.body.text == "abcde")
      #expect(recorder.heads.count == 1)
      #expect(recorder.heads.first?.location == nil)
    }
  }

  @Test func whatTheHeadTells() throws {
    try withRig { rig in
      rig.server.onRequest = { connection, _ in
        connection.send(
          "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 17\r\nContent-Encoding: gzip\r\nLOCATION: /x\r\ncontent-length: 2\r\n\r\n\u{1}\u{2}"
        )
      }
      let recorder = Recorder()
      rig.start(into: recorder)
      rig.run()
      #expect(recorder.isComplete)
      let head = try #require(recorder.heads.first)
      #expect(head.status == 429)
      #expect(head.retryAfterSeconds == 17)
      #expect(head.contentEncoding == "gzip")
      #expect(head.location == "/x")
      #expect(head.contentType == nil)
      // Not decoded.
      #expect(recorder.body.text == "\u{1}\u{2}")
    }
  }

  @Test func informationalResponsesAreSkipped() throws {
    try withRig { rig in
      rig.server.onRequest = { connection, _ in
        connection.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlocation: /no\r\n\r\n")
        connection.respond("ok")
      }
      let recorder = Recorder()
      rig.start(.post, body: [part("x")], into: recorder)
      rig.run()
      #expect(recorder.isComplete)
      #expect(recorder.heads.map(\.status) == [200])
      #expect(recorder.heads.first?.location == nil)
    }
  }

  @Test func redirectsAreNotFollowed() throws {
    try withRig { rig in
      rig.server.onRequest = { connection, _ in
        connection.send("HTTP/1.1 302 Found\r\nlocation: \(rig.url)other\r\ncontent-length: 0\r\n\r\n")
      }
      let recorder = Recorder()
      rig.start(into: recorder)
      rig.run()
      #expect(recorder.isComplete)
      #expect(recorder.heads.first?.location == "\(rig.url)other")
      #expect(rig.server.requests.count == 1)
    }
  }

  @Test func bodyUntilTheConnectionEnds() throws {
    try withRig { rig in
      rig.server.onRequest = { connection, _ in
        connection.send("HTTP/1.1 200 OK\r\n\r\nall of it")
        connection.tcp.shutdown()
      }
      let recorder = Recorder()
      rig.start(into: recorder)
      rig.run()
      #expect(recorder.isComplete)
      #expect(recorder.body.text == "all of it")
    }
  }

  @Test func emptyBodies() throws {
    try withRig { rig in
      rig.server.onRequest = { connection, request in
        connection.send(
          request.line.contains("204") ? "HTTP/1.1 204 No Content\r\n\r\n" : "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
      }
      for path in ["204", "200"] {
        let recorder = Recorder()
        rig.start(.get, path, into: recorder)
        rig.run()
        #expect(recorder.isComplete)
        #expect(recorder.heads.map(\.status) == [Int(path)])
        #expect(recorder.body.isEmpty)
      }
    }
  }
}

import Testing
import Wire

@testable import HTTPClient

@Suite struct RequestTests {
  @Test func plainGet() throws {
    try withRig { rig in
      let recorder = Recorder()
      rig.start(.get, "a/b?c=d", headers: ["authorization: secret", "x-app-version: 2.1.1"], into: recorder)
      #expect(rig.client.activeTransfers == 1)
      rig.run()
      #expect(rig.client.activeTransfers == 0)
      #expect(recorder.isComplete)
      #expect(recorder.heads.first?.status == 200)
      #expect(recorder.heads.first?.contentType == "text/plain")
      #expect(recorder.body.text == "ok")
      let request = try #require(rig.server.requests.first)
      #expect(request.line == "GET /a/b?c=d HTTP/1.1")
      #expect(request.header("authorization") == "secret")
      #expect(request.header("x-app-version") == "2.1.1")
      #expect(request.header("accept-encoding") == nil)
    }
  }

  @Test(arguments: [HTTPClientRequest.Method.post, .put, .delete]) func methodsWithBody(method: HTTPClientRequest.Method) throws {
    try withRig { rig in
      let recorder = Recorder()
      rig.start(method, headers: ["Content-Type: application/json"], body: [part("{\"a\""), part(""), part(":1}")], into: recorder)
      rig.run()
      #expect(recorder.isComplete)
      let request = try #require(rig.server.requests.first)
      #expect(request.line == "\("\(method)".uppercased()) / HTTP/1.1")
      #expect(request.body == "{\"a\":1}")
      #expect(request.header("content-type") == "application/json")
      #expect(request.header("expect") == nil)
    }
  }

  @Test func emptyBodies() throws {
    try withRig { rig in
      for method in [HTTPClientRequest.Method.post, .put, .delete] {
        let recorder = Recorder()
        rig.start(method, into: recorder)
        rig.run()
        #expect(recorder.isComplete)
      }
      #expect(rig.server.requests.map { $0.header("content-length") } == ["0", "0", nil])
      #expect(rig.server.requests.map { $0.header("content-type") } == [nil, nil, nil])
      #expect(rig.server.requests.map(\.line) == ["POST / HTTP/1.1", "PUT / HTTP/1.1", "DELETE / HTTP/1.1"])
    }
  }

  @Test(arguments: [UploadBody.shortLimit - 1, UploadBody.shortLimit, UploadBody.shortLimit + 1, 70_000]) func bodiesAroundTheLimit(
    size: Int
  ) throws {
    try withRig { rig in
      let text = String(repeating: "x", count: size - 1) + "y"
      let recorder = Recorder()
      rig.start(.post, body: [part(text)], into: recorder)
      rig.run()
      #expect(recorder.isComplete)
      #expect(rig.server.requests.first?.body == text)
    }
  }

  @Test func largeBodyOfThreePartsWithOneBufferTwice() throws {
    try withRig { rig in
      let image = ByteBuffer([UInt8](repeating: 97, count: 500_000))
      let middle = ByteBuffer("xx-middle-xx")
      let recorder = Recorder()
      let parts = [HTTPClientBodyPart(image), HTTPClientBodyPart(middle, 2..<10), HTTPClientBodyPart(image, 0..<499_999)]
      rig.start(.post, headers: ["content-type: text/plain"], body: parts, into: recorder)
      rig.run()
      #expect(recorder.isComplete)
      let request = try #require(rig.server.requests.first)
      #expect(request.header("content-length") == "1000007")
      #expect(request.header("expect") == nil)
      #expect(request.body == String(repeating: "a", count: 500_000) + "-middle-" + String(repeating: "a", count: 499_999))
    }
  }

  @Test func headerLinesCannotInject() throws {
    try withRig { rig in
      let recorder = Recorder()
      rig.start(headers: ["authorization: a\r\nx-evil: 1\0b"], into: recorder)
      rig.run()
      #expect(recorder.isComplete)
      #expect(rig.server.requests.first?.header("x-evil") == nil)
      #expect(rig.server.requests.first?.header("authorization") == "a  x-evil: 1 b")
    }
  }

  @Test func connectionsAreReused() throws {
    try withRig { rig in
      for round in 0..<20 {
        let recorder = Recorder()
        rig.start(round % 2 == 0 ? .get : .post, body: round % 2 == 0 ? [] : [part("body")], into: recorder)
        rig.run()
        #expect(recorder.isComplete)
      }
      #expect(rig.server.connections.count == 1)
      #expect(rig.server.requests.count == 20)
    }
  }

  /// A handle that served one kind of transfer must not carry anything of it into the next.
  @Test func reusedHandlesForgetTheLastRequest() throws {
    try withRig { rig in
      for (method, body) in [(HTTPClientRequest.Method.put, [part("secret")]), (.get, []), (.delete, []), (.post, []), (.get, [])] {
        rig.start(method, headers: body.isEmpty ? [] : ["x-once: 1"], body: body, into: Recorder())
        rig.run()
      }
      #expect(rig.server.requests.map { String($0.head.prefix { $0 != " " }) } == ["PUT", "GET", "DELETE", "POST", "GET"])
      #expect(rig.server.requests.map(\.body) == ["secret", "", "", "", ""])
      #expect(rig.server.requests.map { $0.header("x-once") } == ["1", nil, nil, nil, nil])
    }
  }

  @Test func severalHundredAtOnce() throws {
    try withRig { rig in
      let count = 300
      var waiting: [(ServerConnection, String)] = []
      // Nobody is answered before all have asked.
      rig.server.onRequest = { connection, request in
        waiting.append((connection, request.line))
        if waiting.count == count { for (connection, line) in waiting { connection.respond(line) } }
      }
      let recorders = (0..<count).map { _ in Recorder() }
      for (number, recorder) in recorders.enumerated() { rig.start(.get, "\(number)", into: recorder) }
      rig.run()
      for (number, recorder) in recorders.enumerated() {
        #expect(recorder.isComplete)
        #expect(recorder.body.text == "GET /\(number) HTTP/1.1")
      }
      #expect(rig.server.connections.count == count)
    }
  }

  @Test func idleConnectionsAreBounded() throws {
    var configuration = HTTPClientConfiguration()
    configuration.maxIdleConnections = 2
    try withRig(configuration) { rig in
      var waiting: [ServerConnection] = []
      rig.server.onRequest = { connection, _ in
        waiting.append(connection)
        if waiting.count == 10 { for connection in waiting { connection.respond("ok") } }
      }
      for _ in 0..<10 { rig.start(into: Recorder()) }
      rig.run()
      rig.run(milliseconds: 50)
      #expect(rig.server.connections.count { !$0.isOver } <= 2)
    }
  }
}

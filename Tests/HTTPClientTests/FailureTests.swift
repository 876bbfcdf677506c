import EventLoop
import Glibc
import Testing
import Wire

@testable import HTTPClient

@Suite struct FailureTests {
  private func failure(
    url: String? = nil, _ configuration: HTTPClientConfiguration = .init(), after seen: (Recorder) -> Void = { _ in },
    _ answer: @escaping (ServerConnection) -> Void
  ) throws -> HTTPClientError? {
    var error: HTTPClientError?
    try withRig(configuration) { rig in
      rig.server.onRequest = { connection, _ in answer(connection) }
      let recorder = Recorder()
      rig.start(.post, url: url?.replacing("PORT", with: "\(rig.server.port)"), body: [part("x")], into: recorder)
      rig.run()
      #expect(recorder.ends.count == 1)
      error = recorder.error
      seen(recorder)
    }
    return error
  }

  @Test func refused() throws {
    let loop = try EventLoop()
    let server = try TestServer(loop)
    let port = server.port
    server.close()
    loop.close()
    let error = try #require(try failure(url: "http://127.0.0.1:\(port)/") { _ in })
    #expect(error.kind == .notConnected)
    #expect(error.message.hasPrefix("CURLE_COULDNT_CONNECT (7): Failed to connect to 127.0.0.1"))
  }

  @Test(arguments: [
    "", "http://", "ftp://127.0.0.1:PORT/", "file:///etc/passwd", "http://127.0.0.1:99999/", "gopher://127.0.0.1:PORT/",
  ])
  func impossibleURLs(url: String) throws {
    let error = try failure(url: url) { _ in Issue.record("sent") }
    #expect(error?.kind == .notConnected)
  }

  @Test func unknownHost() throws {
    let error = try failure(url: "http://nowhere.invalid/") { _ in }
    #expect(error?.kind == .notConnected)
    #expect(error?.message.hasPrefix("CURLE_COULDNT_RESOLVE_HOST (6)") == true)
  }

  @Test func noTLSOnTheOtherSide() throws {
    try withRig { rig in
      let recorder = Recorder()
      rig.start(url: "https://127.0.0.1:\(rig.server.port)/", into: recorder)
      // The handshake's first bytes are no request; the server hangs up.
      let timer = LoopTimer(loop: rig.loop) { for connection in rig.server.connections { connection.close() } }
      timer.start(after: 50)
      rig.run()
      timer.close()
      #expect(recorder.error?.kind == .notConnected)
    }
  }

  @Test func handshakeThatTakesTooLong() throws {
    var configuration = HTTPClientConfiguration()
    configuration.connectTimeoutMilliseconds = 100
    let error = try failure(url: "https://127.0.0.1:PORT/", configuration) { _ in }
    #expect(error?.kind == .connectTimeout)
  }

  @Test func connectThatTakesTooLong() throws {
    let listener = try FullListener(port: 0)
    var configuration = HTTPClientConfiguration()
    configuration.connectTimeoutMilliseconds = 150
    let error = try failure(url: "http://127.0.0.1:\(listener.port)/", configuration) { _ in }
    #expect(error?.kind == .connectTimeout)
    #expect(error?.message.hasPrefix("CURLE_OPERATION_TIMEDOUT (28)") == true)
    listener.close()
  }

  @Test(arguments: [true, false]) func diesWithoutAnAnswer(byReset: Bool) throws {
    let error = try failure { byReset ? $0.reset() : $0.close() }
    #expect(error?.kind == .noResponse)
  }

  @Test(arguments: ["content-length: 100", "transfer-encoding: chunked"], ["reset", "close"])
  func breaksOff(framing: String, how: String) throws {
    let error = try failure(after: { #expect($0.heads.count == 1) }) { connection in
      connection.send("HTTP/1.1 200 OK\r\n\(framing)\r\n\r\n5\r\nhello\r\n")
      // Not at once: the bytes are to be read first.
      let timer = Box<LoopTimer?>(nil)
      timer.value = LoopTimer(loop: connection.tcp.loop) {
        if how == "reset" { connection.reset() } else { connection.close() }
        timer.value?.close()
      }
      timer.value?.start(after: 20)
    }
    #expect(error?.kind == .brokenResponse)
  }

  @Test func headThatBreaksOff() throws {
    let error = try failure(after: { #expect($0.heads.isEmpty) }) { connection in
      connection.send("HTTP/1.1 200 OK\r\ncontent-type: text/pl")
      connection.tcp.shutdown()
    }
    #expect(error?.kind == .brokenResponse)
  }

  @Test(arguments: [
    "SSH-2.0-OpenSSH_9.2\r\n", "<html>\n\n", "\0\0\0\u{12}\u{4}\0\0\0\0\0", "HTTP/1.1 2xx OK\r\n\r\n", "HTTP/1.1 99 X\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\n\r\nfoo", "ICY 200 OK\r\n\r\n",
  ]) func notHTTP(answer: String) throws {
    let error = try failure(after: { #expect($0.heads.isEmpty && $0.body.isEmpty) }) { connection in
      connection.send(answer)
      connection.tcp.shutdown()
    }
    #expect(error?.kind == .invalidResponse)
  }

  @Test func endlessHeader() throws {
    var configuration = HTTPClientConfiguration()
    configuration.maxHeaderBytes = 5000
    let error = try failure(configuration, after: { #expect($0.heads.isEmpty) }) { connection in
      connection.send("HTTP/1.1 200 OK\r\n")
      for number in 0..<200 { connection.send("x-header-\(number): abcdefghijklmnopqrstuvwxyz\r\n") }
    }
    #expect(error?.kind == .invalidResponse)
  }

  @Test func closedClient() throws {
    try withRig { rig in
      rig.client.close()
      rig.client.close()
      let recorder = Recorder()
      rig.start(into: recorder)
      #expect(recorder.ends.isEmpty)
      rig.run()
      #expect(recorder.error?.kind == .notConnected)
    }
  }

  @Test func missingCAFileIsNotConnected() throws {
    var configuration = HTTPClientConfiguration()
    configuration.caFile = "/nonexistent.pem"
    let error = try failure(url: "https://127.0.0.1:PORT/", configuration) { _ in }
    #expect(error?.kind == .notConnected)
  }

  @Test func kindsByMoment() {
    func kind(_ code: UInt32, _ sendings: Int, _ response: Bool, _ verdict: HTTPClientError.Kind? = nil) -> HTTPClientError.Kind {
      HTTPClientError.kind(
        .init(rawValue: code),
        .init(sendings: sendings, hasResponse: response, verdict: verdict.map { HTTPClientError(kind: $0, message: "") }))
    }
    #expect(kind(28, 0, false) == .connectTimeout)
    #expect(kind(35, 0, false) == .notConnected)
    #expect(kind(60, 0, false) == .notConnected)
    #expect(kind(52, 1, false) == .noResponse)
    #expect(kind(56, 1, false) == .noResponse)
    #expect(kind(56, 1, true) == .brokenResponse)
    #expect(kind(18, 1, true) == .brokenResponse)
    #expect(kind(1, 1, false) == .invalidResponse)
    #expect(kind(0, 1, true) == .brokenResponse)
    #expect(kind(23, 1, true, .invalidResponse) == .invalidResponse)
    #expect(kind(42, 2, false, .noResponse) == .noResponse)
  }
}

final class Box<Value> {
  var value: Value
  init(_ value: Value) { self.value = value }
}

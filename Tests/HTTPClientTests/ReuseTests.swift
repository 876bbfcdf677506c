import EventLoop
import Testing
import Wire

@testable import HTTPClient

/// Which connections are kept for the next request, and which are not.
@Suite struct ReuseTests {
  /// How many connections two requests take, one after the other, when each is answered by `answer`.
  private func connections(_ configuration: HTTPClientConfiguration = .init(), _ answer: @escaping (ServerConnection) -> Void)
    throws
    -> Int
  {
    var count = 0
    try withRig(configuration) { rig in
      rig.server.onRequest = { connection, _ in answer(connection) }
      for _ in 0..<2 {
        let recorder = Recorder()
        rig.start(.post, body: [part("x")], into: recorder)
        rig.run()
        #expect(recorder.isComplete)
        rig.run(milliseconds: 20)
      }
      count = rig.server.connections.count
    }
    return count
  }

  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 1),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 1),
    ("HTTP/1.1 204 None\r\n\r\n", 1), ("HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length: 2\r\n\r\nok", 2),
    ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", 2),
    // Bytes that nobody asked for, at once …
    ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok more", 2),
    ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil", 2),
  ]) func byTheResponse(text: String, expected: Int) throws {
    #expect(try connections { $0.send(text) } == expected)
  }

  /// … and later: they must never be taken for the answer to the next request.
  @Test func unaskedBytesOnAnIdleConnection() throws {
    try withRig { rig in
      rig.start(into: Recorder())
      rig.run()
      rig.server.connections[0].respond("evil")
      rig.run(milliseconds: 20)
      let second = Recorder()
      rig.start(into: second)
      rig.run()
      #expect(second.body.text == "ok")
      #expect(rig.server.connections.count == 2)
      #expect(rig.server.connections[0].isOver)
    }
  }

  /// The end has come, but the loop has not told yet: a request that may be sent once only must not be lost on it.
  @Test(arguments: [true, false]) func connectionThatEndsJustNow(byReset: Bool) throws {
    try withRig { rig in
      rig.start(into: Recorder())
      rig.run()
      if byReset { rig.server.connections[0].reset() } else { rig.server.connections[0].close() }
      // The loop closes it in a turn of its own.
      rig.run(milliseconds: 0)
      let second = Recorder()
      rig.start(.post, body: [part("x")], into: second)
      rig.run()
      #expect(second.isComplete)
    }
  }

  @Test func idleConnectionsExpire() throws {
    var configuration = HTTPClientConfiguration()
    configuration.maxIdleSeconds = 0
    #expect(try connections(configuration) { $0.respond("ok") } == 2)
  }

  @Test func theLastUsedIsUsedFirst() throws {
    try withRig { rig in
      var waiting: [ServerConnection] = []
      rig.server.onRequest = { connection, request in
        guard request.line.contains("together") else { return connection.respond("ok") }
        waiting.append(connection)
        if waiting.count == 3 { for connection in waiting { connection.respond("ok") } }
      }
      for _ in 0..<3 { rig.start(.get, "together", into: Recorder()) }
      rig.run()
      for _ in 0..<5 {
        rig.start(into: Recorder())
        rig.run()
      }
      #expect(rig.server.connections.count == 3)
      #expect(rig.server.requests.count == 8)
    }
  }

  /// Another place is another connection, whatever the path.
  @Test func connectionsBelongToTheirOrigin() throws {
    try withRig { rig in
      let other = try TestServer(rig.loop)
      defer { other.close() }
      for url in [rig.url, "http://127.0.0.1:\(other.port)/a", rig.url + "b/c", "http://127.0.0.1:\(other.port)/"] {
        let recorder = Recorder()
        rig.start(url: url, into: recorder)
        rig.run()
        #expect(recorder.isComplete)
      }
      #expect(rig.server.requests.map(\.line) == ["GET / HTTP/1.1", "GET /b/c HTTP/1.1"])
      #expect(other.requests.map(\.line) == ["GET /a HTTP/1.1", "GET / HTTP/1.1"])
      #expect(rig.server.connections.count == 1 && other.connections.count == 1)
    }
  }

  /// An answer before the request is sent completely: the rest of the request would be taken for the next one.
  @Test func answeredBeforeTheBodyIsSent() throws {
    try withRig { rig in
      let listener = try HeadListener(rig.loop, answer: "HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\n\r\nmuch")
      defer { listener.close() }
      for _ in 0..<2 {
        let recorder = Recorder()
        rig.start(
          .post, url: "http://127.0.0.1:\(listener.port)/", body: [part(String(repeating: "x", count: 30_000_000))], into: recorder)
        rig.run()
        #expect(recorder.isComplete)
        #expect(recorder.heads.first?.status == 413)
        #expect(recorder.body.text == "much")
      }
      #expect(listener.accepted == 2)
    }
  }
}

/// Answers to the first bytes of a connection and reads no more.
final class HeadListener: TCPListenerDelegate, TCPConnectionDelegate {
  private var listener: TCPListener?
  private var connections: [TCPConnection] = []
  private let answer: String
  var accepted: Int { connections.count }
  var port: Int { listener?.port ?? 0 }

  init(_ loop: EventLoop, answer: String) throws {
    self.answer = answer
    listener = try TCPListener(loop: loop, host: "127.0.0.1", port: 0, delegate: self)
  }

  func listener(_ listener: TCPListener, didAccept connection: TCPConnection) {
    connections.append(connection)
    connection.delegate = self
    connection.startReading()
  }
  func connection(_ connection: TCPConnection, didRead bytes: UnsafeRawBufferPointer) {
    connection.stopReading()
    let buffer = ByteBuffer(answer)
    #expect((try? connection.tryWrite(buffer.bytes)) == buffer.count)
  }
  func listener(_ listener: TCPListener, didFail error: UVError) { Issue.record(error) }
  func connectionDidReadEnd(_ connection: TCPConnection) {}
  func connection(_ connection: TCPConnection, didFail error: UVError) {}
  func connection(_ connection: TCPConnection, didWrite buffer: ByteBuffer) {}
  func close() {
    for connection in connections { connection.close() }
    listener?.close()
    listener = nil
  }
}

@Suite struct IdleConnectionsTests {
  final class Item {}
  private let a = Item()
  private let b = Item()
  private let c = Item()

  @Test func lastInFirstOut() {
    var idle = IdleConnections<Item>(limit: 3, lifetime: 100)
    #expect(idle.take { _ in true } == nil)
    for (time, item) in [a, b, c].enumerated() { #expect(idle.put(item, now: UInt64(time)) == nil) }
    #expect(idle.take { $0 !== c } === b)
    #expect(idle.take { _ in true } === c)
    #expect(idle.take { $0 === c } == nil)
    #expect(idle.count == 1)
  }

  @Test func tooManyAndTooOld() {
    var idle = IdleConnections<Item>(limit: 2, lifetime: 100)
    #expect(idle.nextExpiry == nil)
    #expect(idle.put(a, now: 5) == nil)
    #expect(idle.put(b, now: 10) == nil)
    #expect(idle.nextExpiry == 105)
    #expect(idle.put(c, now: 20) === a)
    #expect(idle.nextExpiry == 110)
    #expect(idle.takeExpired(now: 109) == nil)
    #expect(idle.takeExpired(now: 110) === b)
    #expect(idle.takeExpired(now: 110) == nil)
    idle.remove(a)
    idle.remove(c)
    #expect(idle.takeAny() == nil && idle.nextExpiry == nil)
  }
}

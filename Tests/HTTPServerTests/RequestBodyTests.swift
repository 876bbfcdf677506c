import Foundation
import Testing

@testable import HTTPServer

@Suite("Request bodies", .timeLimit(.minutes(1)))
struct RequestBodyTests {
  @Test func aLargeBodyInOnePiece() throws {
    let server = try TestServer { $0.echo(limit: 8 << 20) }
    defer { server.stop() }
    let client = try TestClient(server.port)
    let size = 5 << 20
    let body = String(repeating: "0123456789abcdef", count: size / 16)
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n" + body)
    let response = client.response()
    #expect(response.status == 200)
    #expect(response.body == body)
  }

  @Test func aBodyByteByByte() throws {
    let server = try TestServer { $0.echo() }
    defer { server.stop() }
    let client = try TestClient(server.port)
    let request =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nT: t\r\n\r\n"
    for byte in Array(request.utf8) { client.send([byte]) }
    #expect(client.response().body == "hello world")
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(client.response().body == "")
  }

  @Test func continueComesBeforeTheBodyIsRead() throws {
    let server = try TestServer { $0.echo() }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    #expect(client.response().status == 100)
    client.send("hello")
    #expect(client.response().body == "hello")
    // It does not wait: no continue is needed.
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nagain")
    #expect(client.response().body == "again")
  }

  @Test func noContinueForARefusal() throws {
    let server = try TestServer { exchange in
      if exchange.head.path == "/denied" { exchange.respond("no", status: 401) } else { exchange.echo(limit: 4) }
    }
    defer { server.stop() }
    for (path, status) in [("/denied", 401), ("/", 413)] {
      let client = try TestClient(server.port)
      client.send("POST \(path) HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
      let response = client.response()
      #expect(response.status == status)
      #expect(response.fields["connection"] == "close")
      #expect(client.readToEnd() == "")
    }
  }

  @Test func theBodyMayBeAskedForLater() throws {
    nonisolated(unsafe) var waiting: HTTPServerExchange?
    let server = try TestServer { waiting = $0 }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
    #expect(server.wait("the request") { _ in waiting != nil })
    server.run { _ in
      waiting?.echo()
      waiting = nil
    }
    #expect(client.response().body == "hello")
  }

  @Test func aSmallBodyThatNobodyReadKeepsTheConnection() throws {
    let server = try TestServer { $0.respond("no", status: 401) }
    defer { server.stop() }
    let client = try TestClient(server.port)
    for _ in 0..<3 {
      client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
      let response = client.response()
      #expect(response.status == 401)
      #expect(response.fields["connection"] == nil)
      client.send("hello")
    }
  }

  @Test func anUploadThatIsRefusedStillReadsItsError() throws {
    // A server that closed at once would reset the connection under the upload, and the answer would be lost.
    let server = try TestServer { exchange in
      if exchange.head.path == "/denied" { exchange.respond("no", status: 401) } else { exchange.echo(limit: 1000) }
    }
    defer { server.stop() }
    let megabytes = String(repeating: "0123456789abcdef", count: 3 << 16)
    for (path, status) in [("/denied", 401), ("/", 413)] {
      let client = try TestClient(server.port)
      client.send("POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: \(megabytes.utf8.count)\r\n\r\n")
      #expect(client.send(megabytes) == megabytes.utf8.count)
      client.endSending()
      let response = client.response()
      #expect(response.status == status)
      #expect(response.fields["connection"] == "close")
      #expect(client.readToEnd() == "")
      #expect(client.error == 0)
    }
  }

  @Test func aChunkedBodyOverTheLimitOrMalformed() throws {
    nonisolated(unsafe) var closed = 0
    let server = try TestServer { exchange in
      let delegate = TestDelegate()
      delegate.onBody = { exchange, _ in exchange.respond("whole") }
      delegate.onClose = { exchange in
        closed += 1
        #expect(!exchange.isOpen)
      }
      exchange.delegate = delegate
      exchange.readBody(limit: 4)
    }
    defer { server.stop() }
    for (body, status) in [("3\r\nabc\r\n2\r\n", 413), ("3\r\nabcX", 400), ("zz\r\n", 400)] {
      let client = try TestClient(server.port)
      client.send("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(body)")
      let response = client.response()
      #expect(response.status == status)
      #expect(response.body == "refused \(status) /x")
      #expect(client.readToEnd() == "")
    }
    #expect(server.run { _ in closed } == 3)
  }
}

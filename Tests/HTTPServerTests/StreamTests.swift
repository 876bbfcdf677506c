import EventLoop
import Foundation
import Testing
import Wire

@testable import HTTPServer

@Suite("Streams", .timeLimit(.minutes(1)))
struct StreamTests {
  private static func head() -> HTTPResponseHead {
    var head = HTTPResponseHead(status: 200)
    head.add("content-type", "text/event-stream" as StaticString)
    return head
  }

  @Test func piecesOfOneCallbackAreOneChunkInOrder() throws {
    nonisolated(unsafe) var stream: HTTPServerExchange?
    nonisolated(unsafe) var unsent = 0
    let server = try TestServer { exchange in
      exchange.startStream(Self.head())
      exchange.streamBuffer().append("a")
      exchange.streamBuffer().append("b")
      // Nothing has left yet: head and pieces go together.
      unsent = exchange.unsentBytes
      stream = exchange
    }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let first = client.read(until: "0002\r\nab\r\n")
    #expect(first.hasPrefix("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"))
    // All but the CR LF behind a chunk, which is written when it is closed.
    #expect(server.run { _ in unsent } == first.utf8.count - 2)
    for piece in ["c", "d"] {
      server.run { _ in stream?.streamBuffer().append(piece) }
      #expect(client.read(until: "\(piece)\r\n") == "0001\r\n\(piece)\r\n")
    }
    server.run { _ in
      stream?.streamBuffer().append("last")
      stream?.endStream()
      stream = nil
    }
    #expect(client.read(until: "0\r\n\r\n") == "0004\r\nlast\r\n0\r\n\r\n")
  }

  @Test func theConnectionIsUsedAgain() throws {
    let server = try TestServer { exchange in
      exchange.startStream(Self.head())
      exchange.streamBuffer().append(exchange.head.path)
      exchange.endStream()
      #expect(!exchange.isOpen)
      exchange.streamBuffer().append("dropped")
    }
    defer { server.stop() }
    let client = try TestClient(server.port)
    for path in ["/1", "/2"] {
      client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
      let response = client.response()
      #expect(response.isComplete)
      #expect(response.chunks == [2])
      #expect(response.body == path)
    }
    // A whole pipeline of streams.
    client.send(String(repeating: "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", count: 10))
    for _ in 0..<10 { #expect(client.response().body == "/x") }
  }

  @Test func aStreamWithoutPieces() throws {
    let server = try TestServer { exchange in
      exchange.startStream(Self.head())
      _ = exchange.streamBuffer()
      exchange.endStream(close: true)
    }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let response = client.response()
    #expect(response.isComplete)
    #expect(response.body == "")
    #expect(client.readToEnd() == "")
    #expect(client.error == 0)
  }

  @Test func aHugePiece() throws {
    let piece = String(repeating: "0123456789abcdef", count: 20000)
    let server = try TestServer { exchange in
      exchange.startStream(Self.head())
      exchange.streamBuffer().append(piece)
      exchange.streamBuffer().append("end")
      exchange.endStream()
    }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let response = client.response()
    #expect(response.isComplete)
    #expect(response.chunks == [320_003])
    #expect(response.body == piece + "end")
  }

  @Test func http10StreamsEndWithTheConnection() throws {
    let server = try TestServer { exchange in
      exchange.startStream(Self.head())
      exchange.streamBuffer().append("raw")
      exchange.streamBuffer().append(" bytes")
      exchange.endStream()
    }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    let response = client.response()
    #expect(response.fields["transfer-encoding"] == nil)
    #expect(response.fields["connection"] == "close")
    #expect(response.isComplete)
    #expect(response.body == "raw bytes")
  }

  @Test func headGetsTheHeadOnly() throws {
    let server = try TestServer { exchange in
      exchange.startStream(Self.head())
      exchange.streamBuffer().append("nothing of this")
      exchange.endStream()
    }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(client.response(isHead: true).fields["transfer-encoding"] == "chunked")
    #expect(client.response().body == "nothing of this")
  }

  @Test func anIdleStreamOwnsNoBuffer() throws {
    nonisolated(unsafe) var streams: [HTTPServerExchange] = []
    let server = try TestServer { exchange in
      exchange.startStream(Self.head())
      exchange.streamBuffer().append("piece")
      streams.append(exchange)
    }
    defer { server.stop() }
    let clients = try (0..<20).map { _ in try TestClient(server.port) }
    for client in clients {
      client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(client.read(until: "piece\r\n").hasSuffix("0005\r\npiece\r\n"))
    }
    #expect(server.run { $0.lentBuffers } == 0)
    #expect(server.run { $0.connectionCount } == 20)
    server.run { _ in streams.removeAll() }
    // Their last use, or an optimised build would end them early.
    for client in clients { client.close() }
  }
}

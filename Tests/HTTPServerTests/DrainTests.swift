import Foundation
import Testing
import Wire

@testable import HTTPServer

@Suite("Drain", .timeLimit(.minutes(1)))
struct DrainTests {
  @Test func withNothingInFlight() throws {
    let server = try TestServer { $0.respond("ok") }
    let client = try TestClient(server.port)
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(client.response().body == "ok")
    nonisolated(unsafe) var done = false
    server.post { $0.drain { done = true } }
    // Nothing is left on the loop, so it ends.
    server.waitForEnd()
    #expect(done)
    #expect(client.readToEnd() == "")
    #expect(throws: TestClient.Failure.self) { try TestClient(server.port) }
  }

  /// What a proxy was just sending when the drain began.
  @Test func idleConnectionsAreLeftAMoment() throws {
    var configuration = HTTPServerConfiguration()
    configuration.drainQuietMilliseconds = 600_000
    let server = try TestServer(configuration) { $0.respond("served") }
    let clients = try (0..<2).map { _ in try TestClient(server.port) }
    #expect(server.wait("both connections") { $0.connectionCount == 2 })
    nonisolated(unsafe) var done = false
    server.run { $0.drain { done = true } }
    for client in clients {
      #expect(server.run { _ in done } == false)
      client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      let response = client.response()
      #expect(response.body == "served" && response.fields["connection"] == "close")
      #expect(client.readToEnd() == "")
    }
    // None is left, so nothing is waited for.
    server.waitForEnd()
    #expect(done)
  }

  @Test func nothingInFlightIsLost() throws {
    nonisolated(unsafe) var stream: HTTPServerExchange?
    let server = try TestServer { exchange in
      guard exchange.head.path == "/stream" else { return exchange.respond("served") }
      exchange.startStream(HTTPResponseHead(status: 200))
      stream = exchange
    }
    let streaming = try TestClient(server.port)
    let idle = try TestClient(server.port)
    let silent = try TestClient(server.port)
    streaming.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
    idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(idle.response().fields["connection"] == nil)
    #expect(server.wait("three connections") { $0.connectionCount == 3 && stream != nil })
    nonisolated(unsafe) var done = false
    server.run { $0.drain { done = true } }
    #expect(throws: TestClient.Failure.self) { try TestClient(server.port) }
    // A connection that was there is served once more.
    idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let response = idle.response()
    #expect(response.body == "served")
    #expect(response.fields["connection"] == "close")
    #expect(idle.readToEnd() == "")
    #expect(server.run { _ in done } == false)
    #expect(server.wait("the idle one to go") { $0.connectionCount == 2 })
    server.post { _ in
      stream?.streamBuffer().append("last piece")
      stream?.endStream()
      stream = nil
    }
    server.waitForEnd()
    #expect(done)
    let last = streaming.response()
    #expect(last.isComplete)
    #expect(last.body == "last piece")
    #expect(streaming.readToEnd() == "")
    #expect(silent.readToEnd() == "")
  }
}

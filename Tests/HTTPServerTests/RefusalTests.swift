import Foundation
import Testing

@testable import HTTPServer

@Suite("Refusals", .timeLimit(.minutes(1)))
struct RefusalTests {
  @Test(arguments: [
    ("GET / HTTP/1.1\r\n\r\n", 400), ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("\u{16}\u{3}\u{1}", 400),
    ("GET / HTTP/2.0\r\n\r\n", 505),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    ("POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 2\r\n\r\nab", 417),
    ("GET /" + String(repeating: "a", count: 300), 414),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "a", count: 600), 431),
    ("GET / HTTP/1.1\r\nHost: a\r\n1: a\r\n2: b\r\n3: c\r\n4: d\r\n5: e\r\n", 431),
  ])
  func aRequestThatIsRefused(_ request: String, _ status: Int) throws {
    var configuration = HTTPServerConfiguration()
    configuration.maxURLBytes = 200
    configuration.maxHeaderBytes = 500
    configuration.maxHeaders = 5
    let server = try TestServer(configuration) { $0.respond("not refused") }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send(request)
    let response = client.response()
    #expect(response.status == status)
    #expect(response.fields["connection"] == "close")
    #expect(response.body == "refused \(status) \(status == 417 ? "/" : "-")")
    #expect(client.readToEnd() == "")
    #expect(client.error == 0)
  }

  @Test func tooManyConnections() throws {
    var configuration = HTTPServerConfiguration()
    configuration.maxConnections = 2
    let server = try TestServer(configuration) { $0.respond("ok") }
    defer { server.stop() }
    let clients = try (0..<2).map { _ in try TestClient(server.port) }
    #expect(server.wait("both to be there") { $0.connectionCount == 2 })
    // Without having asked anything.
    let third = try TestClient(server.port)
    #expect(third.response().status == 503)
    #expect(third.readToEnd() == "")
    #expect(server.run { $0.connectionCount } == 2)
    for client in clients {
      client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(client.response().body == "ok")
    }
    clients[0].close()
    #expect(server.wait("one to go") { $0.connectionCount == 1 })
    let fourth = try TestClient(server.port)
    fourth.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(fourth.response().body == "ok")
    // Its last use, or an optimised build would end it early.
    clients[1].close()
  }

  @Test func tooManyConnectionsFromOneAddress() throws {
    var configuration = HTTPServerConfiguration()
    configuration.maxConnectionsPerAddress = 1
    let server = try TestServer(configuration) { $0.respond("ok") }
    defer { server.stop() }
    let first = try TestClient(server.port)
    first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(first.response().body == "ok")
    let second = try TestClient(server.port)
    #expect(second.response().status == 503)
    #expect(second.readToEnd() == "")
    first.close()
    #expect(server.wait("the first to go") { $0.connectionCount == 0 })
    let third = try TestClient(server.port)
    third.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(third.response().body == "ok")
    third.close()
  }

  /// Beyond those that are closed in an orderly way, too, everybody is told.
  @Test func veryManyConnectionsTooMany() throws {
    var configuration = HTTPServerConfiguration()
    configuration.maxConnections = 1
    let server = try TestServer(configuration) { $0.respond("ok") }
    defer { server.stop() }
    let held = try TestClient(server.port)
    held.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(held.response().body == "ok")
    let others = try (0..<(HTTPServer.maxRefusedConnections + 50)).map { _ in try TestClient(server.port) }
    for other in others {
      let response = other.response()
      #expect(response.status == 503 && response.isComplete)
      #expect(response.fields["connection"] == "close")
      #expect(other.readToEnd() == "")
    }
    for other in others { other.close() }
    #expect(server.wait("them to go") { $0.connectionCount == 1 })
    held.close()
  }
}

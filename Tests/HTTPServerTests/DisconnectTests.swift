import Foundation
import Testing
import Wire

@testable import HTTPServer

@Suite("Disconnects", .timeLimit(.minutes(1)))
struct DisconnectTests {
  /// A server that keeps every request and counts the ends.
  private final class Keeper: @unchecked Sendable {
    var exchanges: [HTTPServerExchange] = []
    var closed = 0
    func keep(_ exchange: HTTPServerExchange) {
      let delegate = TestDelegate()
      delegate.onClose = { [unowned self] exchange in
        closed += 1
        #expect(!exchange.isOpen)
        // All of this is without effect.
        exchange.respond("too late")
        exchange.streamBuffer().append("too late")
        exchange.endStream()
        exchange.abort()
      }
      exchange.delegate = delegate
      exchanges.append(exchange)
    }
  }

  private func start(_ keeper: Keeper) throws -> TestServer {
    try TestServer { exchange in
      keeper.keep(exchange)
      if exchange.head.path == "/stream" {
        exchange.startStream(HTTPResponseHead(status: 200))
        exchange.streamBuffer().append("x")
      }
    }
  }

  @Test(arguments: ["/wait", "/stream"], ["close", "reset", "half"])
  func aClientThatLeavesEndsItsExchange(_ path: String, _ how: String) throws {
    let keeper = Keeper()
    let server = try start(keeper)
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(server.wait("the request") { _ in keeper.exchanges.count == 1 })
    if path == "/stream" { _ = client.read(until: "x\r\n") }
    switch how {
    case "close": client.close()
    case "reset": client.reset()
    default: client.endSending()
    }
    #expect(server.wait("the end") { _ in keeper.closed == 1 })
    #expect(server.wait("the connection to go") { $0.connectionCount == 0 })
  }

  @Test func inTheMiddleOfABody() throws {
    let keeper = Keeper()
    let server = try TestServer { exchange in
      keeper.keep(exchange)
      exchange.readBody(limit: 100)
    }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhalf")
    #expect(server.wait("the request") { _ in keeper.exchanges.count == 1 })
    client.close()
    #expect(server.wait("the end") { _ in keeper.closed == 1 })
  }

  @Test func anEndBehindAnAnsweredRequestLosesNothing() throws {
    let server = try TestServer { $0.respond("ok") }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    client.endSending()
    #expect(client.response().body == "ok")
    #expect(client.readToEnd() == "")
    #expect(client.error == 0)
  }

  @Test func abortIsACutAndNoEnd() throws {
    let keeper = Keeper()
    let server = try start(keeper)
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
    _ = client.read(until: "x\r\n")
    server.run { _ in keeper.exchanges[0].abort() }
    #expect(client.readToEnd() == "")
    #expect(client.error == ECONNRESET)
    #expect(server.run { _ in keeper.closed } == 0)
    #expect(server.run { $0.connectionCount } == 0)
  }

  @Test func abortWhileTheRequestIsHandedOver() throws {
    let server = try TestServer { $0.abort() }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(client.readToEnd() == "")
    #expect(client.error == ECONNRESET)
  }

  @Test func closingTheServerEndsWhatIsOpen() throws {
    let keeper = Keeper()
    let server = try start(keeper)
    let clients = try ["/wait", "/stream"].map { path in
      let client = try TestClient(server.port)
      client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
      return client
    }
    #expect(server.wait("the requests") { _ in keeper.exchanges.count == 2 })
    server.stop()
    #expect(keeper.closed == 2)
    for client in clients { _ = client.readToEnd() }
  }
}

import Foundation
import Testing
import Wire

@testable import HTTPServer

@Suite("Back-pressure", .timeLimit(.minutes(1)))
struct BackPressureTests {
  /// Writes until it is backed up, goes on when drained, `total` bytes in all.
  private final class Producer {
    static let piece = String(repeating: "p", count: 1000)
    var left: Int
    var drains = 0
    var most = 0
    let exchange: HTTPServerExchange

    init(_ exchange: HTTPServerExchange, total: Int) {
      self.exchange = exchange
      left = total
      exchange.startStream(HTTPResponseHead(status: 200))
      produce()
    }

    func produce() {
      while left > 0 && !exchange.isBackedUp {
        exchange.streamBuffer().append(Self.piece)
        left -= 1000
        most = max(most, exchange.unsentBytes)
      }
      if left <= 0 { exchange.endStream() }
    }
  }

  @Test func aClientThatDoesNotReadStopsTheProducer() throws {
    nonisolated(unsafe) var producer: Producer?
    nonisolated(unsafe) var drains = 0
    let total = 12_000_000
    let server = try TestServer { exchange in
      let delegate = TestDelegate()
      delegate.onDrain = { exchange in
        #expect(!exchange.isBackedUp)
        #expect(exchange.unsentBytes <= 16384)
        drains += 1
        producer?.produce()
      }
      exchange.delegate = delegate
      producer = Producer(exchange, total: total)
    }
    defer { server.stop() }
    let client = try TestClient(server.port, receiveBuffer: 32768)
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    // It stands still: backed up, bounded, nothing more is produced.
    #expect(server.wait("the producer to stop") { server in server.hasWriteWaiting && producer!.exchange.isBackedUp })
    nonisolated(unsafe) var left = -1
    #expect(
      server.wait("nothing more to be produced") { _ in
        defer { left = producer!.left }
        return left == producer!.left
      })
    #expect(server.run { _ in producer!.left } > 0)
    #expect(server.run { _ in producer!.most } < 80000)
    let response = client.response()
    #expect(response.isComplete)
    #expect(response.body.utf8.count == total)
    #expect(server.run { _ in drains } > 10)
    server.run { _ in producer = nil }
  }

  @Test func aLargeResponseToASlowReader() throws {
    let body = String(repeating: "0123456789abcdef", count: 1 << 19)
    let server = try TestServer { $0.respond(body) }
    defer { server.stop() }
    let client = try TestClient(server.port, receiveBuffer: 32768)
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    #expect(server.wait("a write to wait") { $0.hasWriteWaiting })
    #expect(client.response().body == body)
    #expect(client.response().body == body)
    #expect(client.readToEnd() == "")
  }
}

import Foundation
import Testing
import Wire

@testable import HTTPServer

/// That the clocks are wired up; what they do when is `HTTPConnectionStateTests`'. The clock that is looked at is short, all others long.
@Suite("Time-outs", .timeLimit(.minutes(1)))
struct TimeoutTests {
  private func configuration(_ change: (inout HTTPServerConfiguration) -> Void) -> HTTPServerConfiguration {
    var configuration = HTTPServerConfiguration()
    change(&configuration)
    return configuration
  }

  @Test func aSilentConnectionIsClosedWithoutAWord() throws {
    let server = try TestServer(configuration { $0.headerTimeoutMilliseconds = 20 }) { $0.respond("ok") }
    defer { server.stop() }
    let client = try TestClient(server.port)
    #expect(client.readToEnd() == "")
    #expect(client.error == 0)
  }

  @Test func aSlowHeadIsAnswered() throws {
    let server = try TestServer(configuration { $0.headerTimeoutMilliseconds = 100 }) { $0.respond("ok") }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("GET / HTTP/1.1\r\nHo")
    #expect(client.response().status == 408)
    #expect(client.readToEnd() == "")
  }

  @Test func aBodyThatStandsStillIsAnswered() throws {
    let server = try TestServer(configuration { $0.bodyTimeoutMilliseconds = 20 }) { $0.echo() }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
    #expect(client.response().status == 408)
    #expect(client.readToEnd() == "")
  }

  @Test func anIdleConnectionIsClosedWithoutAWord() throws {
    let server = try TestServer(configuration { $0.keepAliveTimeoutMilliseconds = 20 }) { $0.respond("ok") }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(client.response().body == "ok")
    #expect(client.readToEnd() == "")
    #expect(client.error == 0)
  }

  @Test func aClientThatNeverReadsIsReset() throws {
    nonisolated(unsafe) var closed = false
    let server = try TestServer(configuration { $0.writeTimeoutMilliseconds = 50 }) { exchange in
      let delegate = TestDelegate()
      delegate.onClose = { _ in closed = true }
      exchange.delegate = delegate
      exchange.startStream(HTTPResponseHead(status: 200))
      exchange.streamBuffer().append([UInt8](repeating: 120, count: 20 << 20))
    }
    defer { server.stop() }
    let client = try TestClient(server.port, receiveBuffer: 4096)
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(server.wait("the reset") { _ in closed })
    _ = client.readToEnd()
    #expect(client.error == ECONNRESET)
  }

  @Test func aClientThatDoesNotCloseAfterARefusalIsClosed() throws {
    let server = try TestServer(configuration { $0.lingerTimeoutMilliseconds = 20 }) { $0.respond("ok") }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("BAD\r\n\r\n")
    #expect(client.response().status == 400)
    #expect(server.wait("the connection to go") { $0.connectionCount == 0 })
    client.close()
  }
}

import Foundation
import Testing
import Wire

@testable import HTTPServer

@Suite("Bytes of a response", .timeLimit(.minutes(1)))
struct ResponseBytesTests {
  /// Answers by the request's path, and keeps every exchange.
  private final class Answers: @unchecked Sendable {
    var exchanges: [HTTPServerExchange] = []

    func answer(_ exchange: HTTPServerExchange) {
      exchanges.append(exchange)
      switch exchange.head.path {
      case "/whole": exchange.respond("body")
      case "/none": break
      default:
        exchange.startStream(HTTPResponseHead(status: 200))
        exchange.streamBuffer().append("piece")
        if exchange.head.path == "/stream" { exchange.endStream() }
      }
    }
  }

  @Test(arguments: ["/whole", "/stream"], ["GET 1.0", "GET 1.1", "HEAD 1.1"])
  func allOfACompleteOne(_ path: String, _ kind: String) throws {
    let (method, version) = (kind.prefix { $0 != " " }, kind.suffix(3))
    let answers = Answers()
    let server = try TestServer { answers.answer($0) }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("\(method) \(path) HTTP/\(version)\r\nHost: a\r\nConnection: close\r\n\r\n")
    let received = client.readToEnd()
    #expect(received.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(server.run { _ in answers.exchanges.map(\.responseBytes) } == [received.utf8.count])
  }

  @Test func eachResponseOfAPipelineForItself() throws {
    let answers = Answers()
    let server = try TestServer { answers.answer($0) }
    defer { server.stop() }
    let client = try TestClient(server.port)
    let request = { (path: String) in "GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n" }
    client.send(request("/stream") + request("/whole") + request("/stream"))
    client.endSending()
    let received = client.readToEnd()
    let bytes = server.run { _ in answers.exchanges.map(\.responseBytes) }
    #expect(bytes.count == 3 && bytes.reduce(0, +) == received.utf8.count)
    #expect(bytes.first == bytes.last)
  }

  @Test(arguments: ["/open", "/none"]) func whatTheSocketTookOfABrokenOne(_ path: String) throws {
    let answers = Answers()
    let server = try TestServer { answers.answer($0) }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
    let received = path == "/open" ? client.read(until: "piece\r\n") : ""
    #expect(server.wait("the request") { _ in answers.exchanges.count == 1 })
    client.close()
    #expect(server.wait("the end") { _ in !answers.exchanges[0].isOpen })
    #expect(server.run { _ in answers.exchanges[0].responseBytes } == received.utf8.count)
  }
}

import Foundation
import Testing

@testable import HTTPServer

@Suite("Pipelining", .timeLimit(.minutes(1)))
struct PipeliningTests {
  private func request(_ path: String) -> String { "GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n" }

  @Test func answersComeInOrderAndOneRequestAtATime() throws {
    // The first is answered only after the test has seen that the second has not begun.
    nonisolated(unsafe) var waiting: [HTTPServerExchange] = []
    let server = try TestServer { waiting.append($0) }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send(request("/1") + request("/2") + request("/3"))
    for path in ["/1", "/2", "/3"] {
      #expect(server.wait("request \(path)") { _ in waiting.count == 1 })
      server.run { _ in
        let exchange = waiting.removeFirst()
        #expect(exchange.head.path == path)
        exchange.respond("answer \(exchange.head.path)")
      }
      #expect(client.response().body == "answer \(path)")
    }
  }

  @Test func manyAtOnce() throws {
    let server = try TestServer { $0.respond("answer \($0.head.path)") }
    defer { server.stop() }
    let client = try TestClient(server.port)
    // More than one read of 64 KiB, and more than the high-water mark of answers.
    let count = 4000
    let sending = OnLoop(value: client)
    let sender = Thread { sending.value.send((0..<count).map { request("/\($0)") }.joined()) }
    sender.start()
    for number in 0..<count {
      let response = client.response()
      guard response.body != "answer /\(number)" else { continue }
      Issue.record("answer \(number) is \(response.body)")
      return
    }
  }

  @Test func bodiesBetweenRequests() throws {
    let server = try TestServer { exchange in
      if exchange.head.method == .post { exchange.echo() } else { exchange.respond("get") }
    }
    defer { server.stop() }
    let client = try TestClient(server.port)
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    client.send(post + request("/") + chunked + "\r\n" + request("/") + post)
    #expect((0..<5).map { _ in client.response().body } == ["hello", "get", "abc", "get", "hello"])
  }

  @Test func whatFollowsAMalformedRequestIsNotServed() throws {
    let server = try TestServer { $0.respond("ok") }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send(request("/") + "BAD\r\n\r\n" + request("/"))
    #expect(client.response().body == "ok")
    let refusal = client.response()
    #expect(refusal.status == 400)
    #expect(refusal.fields["connection"] == "close")
    #expect(client.readToEnd() == "")
  }

  @Test func readingStopsAboveTheCap() throws {
    nonisolated(unsafe) var waiting: HTTPServerExchange?
    let server = try TestServer { exchange in
      if exchange.head.path == "/first" { waiting = exchange } else { exchange.respond("ok") }
    }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send(request("/first"))
    #expect(server.wait("the first request") { _ in waiting != nil })
    // More than the kernel's buffers and the cap hold together: sending stands still until the first answer.
    let count = 300_000
    let sending = OnLoop(value: client)
    let sender = Thread { sending.value.send(String(repeating: request("/"), count: count)) }
    sender.start()
    #expect(server.wait("bytes to pile up") { $0.keptBytes >= HTTPConnectionState.maxPipelinedBytes })
    #expect(server.run { $0.keptBytes } <= HTTPConnectionState.maxPipelinedBytes + 65536)
    server.run { _ in
      waiting?.respond("first")
      waiting = nil
    }
    #expect(client.response().body == "first")
    #expect(client.response().body == "ok")
    client.reset()
  }

  /// Who pipelines without end gets a few answers a turn, and what others ask is answered in between.
  @Test func aPipelineLeavesTimeForOthers() throws {
    nonisolated(unsafe) var order: [String] = []
    let server = try TestServer { exchange in
      order.append(exchange.head.path)
      exchange.respond("ok")
    }
    defer { server.stop() }
    let greedy = try (0..<4).map { _ in try TestClient(server.port) }
    let modest = try TestClient(server.port)
    modest.send(request("/first"))
    #expect(modest.response().body == "ok")
    let loop = server.hold()
    for client in greedy { client.send(String(repeating: request("/greedy"), count: 400)) }
    modest.send(request("/modest"))
    loop.signal()
    for client in greedy {
      for _ in 0..<400 { #expect(client.response().body == "ok") }
    }
    #expect(modest.response().body == "ok")
    let place = server.run { _ in order.firstIndex(of: "/modest") } ?? .max
    // One turn of each of the four, at most.
    #expect(place <= 1 + 4 * Int(TurnBudget.maxRequests))
    #expect(server.run { _ in order.count } == 1602)
  }

  @Test func aPipelineIsAnsweredWholeWhereTheClientEndsItsSide() throws {
    let server = try TestServer { $0.respond("ok") }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send(String(repeating: request("/"), count: 100))
    client.endSending()
    for _ in 0..<100 { #expect(client.response().body == "ok") }
    #expect(client.readToEnd() == "")
  }

  /// A request that has come is served, drain or not, and what stands behind it is told to go elsewhere.
  @Test func aDrainWithinAPipeline() throws {
    nonisolated(unsafe) var count = 0
    let server = try TestServer { exchange in
      count += 1
      exchange.respond("ok")
    }
    let client = try TestClient(server.port)
    client.send(request("/"))
    #expect(client.response().body == "ok")
    // In the turn in which the requests arrive, but before they are read.
    let loop = server.hold { $0.drain {} }
    client.send(String(repeating: request("/"), count: 50))
    loop.signal()
    // Either the connection was closed while it was idle, or the next answer is its last.
    let rest = client.readToEnd()
    #expect(rest.isEmpty || rest.components(separatedBy: "HTTP/1.1 200").count == 2 && rest.contains("connection: close"))
    server.waitForEnd()
  }
}

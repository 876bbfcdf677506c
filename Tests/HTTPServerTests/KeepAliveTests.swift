import Testing

@testable import HTTPServer

@Suite("Keep-alive", .timeLimit(.minutes(1)))
struct KeepAliveTests {
  @Test func severalRequestsOnOneConnection() throws {
    let server = try TestServer { $0.respond("you asked for \($0.head.path)") }
    defer { server.stop() }
    let client = try TestClient(server.port)
    for number in 1...5 {
      client.send("GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n")
      let response = client.response()
      #expect(response.status == 200)
      #expect(response.body == "you asked for /\(number)")
      #expect(response.fields["connection"] == nil)
      #expect(response.fields["date"]?.hasSuffix(" GMT") == true)
      #expect(response.fields["content-length"] == "16")
    }
    #expect(server.run { $0.connectionCount } == 1)
    client.close()
    #expect(server.wait("connection to go") { $0.connectionCount == 0 })
  }

  @Test func closeIsAnsweredWithClose() throws {
    let server = try TestServer { $0.respond("bye") }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    let response = client.response()
    #expect(response.fields["connection"] == "close")
    #expect(response.body == "bye")
    #expect(client.readToEnd() == "")
    #expect(client.error == 0)
  }

  @Test func http10() throws {
    let server = try TestServer { $0.respond("old") }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    var response = client.response()
    #expect(response.fields["connection"] == "keep-alive")
    client.send("GET / HTTP/1.0\r\n\r\n")
    response = client.response()
    #expect(response.fields["connection"] == "close")
    #expect(response.body == "old")
    #expect(client.readToEnd() == "")
  }

  @Test func headHasNoBody() throws {
    let server = try TestServer { $0.respond("twelve bytes") }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let head = client.response(isHead: true)
    #expect(head.fields["content-length"] == "12")
    #expect(client.response().body == "twelve bytes")
  }

  @Test func noContentHasNoLength() throws {
    let server = try TestServer { $0.respond("", status: 204) }
    defer { server.stop() }
    let client = try TestClient(server.port)
    client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    for _ in 0..<2 {
      let response = client.response()
      #expect(response.status == 204)
      #expect(response.fields["content-length"] == nil)
    }
  }
}

import Testing

@testable import Wire

@Suite("HTTP request head")
struct HTTPRequestParserTests {
  private func head(_ text: String) throws -> HTTPRequestHead {
    let reader = HTTPTestReader(text)
    #expect(!reader.end.isFailure, "\(reader.end)")
    return try #require(reader.heads.first)
  }

  private func get(_ target: String) -> String { "GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n" }
  private func with(_ fields: String) -> String { "POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n" }

  @Test func aPlainRequest() throws {
    let head = try head(
      "POST /v1/chat?x=1?y HTTP/1.1\r\nHost: example.com\r\nX-A:  b c\t\r\nx-a: d\r\nEmpty:\r\nContent-Length: 0\r\n\r\n")
    #expect(head.method == .post)
    #expect(head.path == "/v1/chat")
    #expect(head.query == "x=1?y")
    #expect(head.minorVersion == 1)
    #expect(head.headers.count == 5)
    #expect(head.headers["X-a"] == "b c")
    #expect(head.headers.all("x-A") == ["b c", "d"])
    #expect(head.headers["empty"] == "")
    #expect(head.headers["absent"] == nil)
    #expect(head.headers.mediaType == nil)
    #expect(try self.head(with("content-TYPE: application/json\r\nContent-Type: text/html\r\n")).headers.mediaType == .json)
    #expect(head.headers.withValue("host") { $0.count } == 11)
    #expect(head.headers.fields.map(\.name) == ["Host", "X-A", "x-a", "Empty", "Content-Length"])
    #expect(head.framing == .length(0))
    #expect(head.keepsAlive)
    #expect(!head.expectsContinue)
    #expect(head.authority == "example.com")
  }

  @Test func methods() throws {
    for name in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get", "M-SEARCH", "-blargh"] {
      #expect(try head("\(name) / HTTP/1.1\r\nHost: a\r\n\r\n").method.text == name)
    }
    #expect(try head("get / HTTP/1.1\r\nHost: a\r\n\r\n").method == .other("get"))
  }

  @Test(arguments: [
    ("/", "/", nil), ("/a%20b", "/a%20b", nil), ("/?", "/", ""), ("//x", "//x", nil), ("/{a}|\"b\"", "/{a}|\"b\"", nil),
    ("http://b:80/x?y", "/x", "y"), ("HTTPS://b", "/", nil), ("http://b?q", "/", "q"), ("http://[::1]:9/", "/", nil),
  ])
  func targets(_ target: String, _ path: String, _ query: String?) throws {
    let head = try head(get(target))
    #expect(head.path == path)
    #expect(head.query == query)
  }

  @Test func theAuthorityOfAnAbsoluteTargetWins() throws {
    #expect(try head(get("http://b:80/")).authority == "b:80")
    #expect(try head(get("/")).authority == "a")
    let options = try head("OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(options.path == "*")
    #expect(try head("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").path == "*")
    #expect(try head("CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n").authority == "b:443")
  }

  @Test(arguments: [
    "a", "*", "a/b", "/a#b", "/\u{7f}", "/\u{1}", "/ü", "ftp://b/", "http:///x", "http://:80/", "http://a@b/", "http://b:x/",
    "http://b:123456/",
    "/a b", "", " /", "http://[::1/", "http://[]/",
  ])
  func badTargets(_ target: String) {
    let reader = HTTPTestReader(get(target))
    #expect(reader.messages.isEmpty)
    #expect(reader.end.isFailure)
  }

  @Test(arguments: [
    "GET /\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/1.1 \r\n\r\n", "GET / http/1.1\r\n\r\n", "GET / HTTP/1.10\r\n\r\n",
    "GET / HTTP/1,1\r\n\r\n",
    "GET / HTTP/a.1\r\n\r\n", " GET / HTTP/1.1\r\n\r\n", "G(T / HTTP/1.1\r\n\r\n", "GET\t/ HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}",
    "\n",
    "\r\n\r\nGET / HTTP/1.1\r\n\r\n", "\rGET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\nHost: a\r\n\r\n", "GET /\r HTTP/1.1\r\n\r\n",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT b HTTP/1.1\r\nHost: b\r\n\r\n",
  ])
  func badRequestLines(_ text: String) {
    guard case .failed(.malformed) = HTTPTestReader(text).end else {
      Issue.record("\(text.debugDescription): \(HTTPTestReader(text).end)")
      return
    }
  }

  @Test func versions() throws {
    #expect(try head("GET / HTTP/1.0\r\n\r\n").minorVersion == 0)
    #expect(try head("GET / HTTP/1.7\r\nHost: a\r\n\r\n").minorVersion == 1)
    for line in ["GET / HTTP/2.0", "PRI * HTTP/2.0", "GET / HTTP/0.9", "GET / HTTP/3.0"] {
      #expect(HTTPTestReader("\(line)\r\n\r\n").end == .failed(.unsupportedVersion))
    }
  }

  @Test func oneEmptyLineInFrontIsSkipped() throws {
    #expect(try head("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").path == "/")
    #expect(HTTPTestReader("\r\n").end == .clean)
    #expect(HTTPTestReader("\r").end == .clean)
    #expect(HTTPTestReader("G").end == .inHead)
    let pipelined = HTTPTestReader(get("/1") + "\r\n" + get("/2"))
    #expect(pipelined.heads.map(\.path) == ["/1", "/2"])
  }

  @Test(arguments: [
    " X: a\r\n", "\tX: a\r\n", "X : a\r\n", "X\t: a\r\n", ": a\r\n", "X\r\n", "X(: a\r\n", "X\u{0}: a\r\n", "Ü: a\r\n",
    "X: a\r\n b\r\n", "X: a\u{0}b\r\n",
    "X: a\rb\r\n", "X: a\nY: b\r\n", "X: a\u{7f}\r\n", "X: a\u{1b}\r\n", "X: \r\r\n",
  ])
  func badFields(_ field: String) {
    guard case .failed(.malformed) = HTTPTestReader(with(field)).end else {
      Issue.record("\(field.debugDescription): \(HTTPTestReader(with(field)).end)")
      return
    }
  }

  /// Values are looked through eight bytes at a time.
  @Test func everyByteAtEveryPlaceOfAValue() {
    for place in 0..<11 {
      for byte in UInt8.min...UInt8.max where byte != UInt8(ascii: "\n") {
        var value = Array("abcdefghijk".utf8)
        value[place] = byte
        let isFine = byte == 9 || (byte >= 0x20 && byte != 0x7F)
        let text = Array("GET / HTTP/1.1\r\nHost: a\r\nX: ".utf8) + value + Array("\r\n\r\n".utf8)
        var parser = HTTPRequestParser(limits: .init())
        var consumed = 0
        let head = text.withUnsafeBytes { try? parser.parse($0, consumed: &consumed) }
        #expect((head != nil) == isFine, "\(byte) at \(place)")
      }
    }
  }

  @Test func fieldsThatLookOdd() throws {
    let head = try head(with("!#$%&'*+-.^_`|~: v\r\nx: caf\u{e9}\r\ny: a\tb\r\nz:c: d\r\n"))
    #expect(head.headers["!#$%&'*+-.^_`|~"] == "v")
    #expect(head.headers["x"] == "café")
    #expect(head.headers["y"] == "a\tb")
    #expect(head.headers["z"] == "c: d")
  }

  @Test func hosts() {
    func end(_ fields: String, version: String = "1.1") -> HTTPTestReader.End {
      HTTPTestReader("GET / HTTP/\(version)\r\n\(fields)\r\n").end
    }
    for good in ["a", "a:1", "[::1]:80", "127.0.0.1", "a_b.c", "", "a:", "%41", "0.0.0.0=5000"] {
      #expect(end("Host: \(good)\r\n") == .clean)
    }
    for bad in ["a/b", "a b", "a@b", "a:b", "a,b", "[::1", "a:1:2", "a?", "<a>", "ü"] where bad != "a,b" {
      #expect(end("Host: \(bad)\r\n").isFailure, "\(bad)")
    }
    #expect(end("").isFailure)
    #expect(end("", version: "1.0") == .clean)
    #expect(end("Host: a\r\nHost: a\r\n").isFailure)
    #expect(end("Host: a\r\nhost: b\r\n", version: "1.0").isFailure)
  }
}

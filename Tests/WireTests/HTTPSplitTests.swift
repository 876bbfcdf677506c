import Testing

@testable import Wire

/// However a stream of requests is cut, it reads the same, and it fails the same.
@Suite("HTTP splits")
struct HTTPSplitTests {
  static let streams = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\nPOST /a?b HTTP/1.1\r\nHost: a\r\nX:  y \r\nContent-Length: 5\r\n\r\nhello\r\nGET /2 HTTP/1.0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n1\r\n!\r\n0\r\nT: u\r\n\r\nDELETE http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab", "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX y: z\r\n\r\n",
    "GET / HTTP/1.1\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: \u{1}\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX",
    "GET / HTTP/2.0\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}", "\r\n\r\n",
    "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nB: c\r\nD: e\r\nF: g\r\nH: i\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nB: cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\r\n\r\n",
  ]

  static let limits = HTTPRequestParser.Limits(maxHeaderBytes: 110, maxHeaders: 4, maxURLBytes: 30)

  @Test(arguments: streams) func everySplitInTwo(_ stream: String) {
    let bytes = Array(stream.utf8)
    let whole = HTTPTestReader([bytes], limits: Self.limits)
    for at in 0...bytes.count {
      let split = HTTPTestReader([Array(bytes[..<at]), Array(bytes[at...])], limits: Self.limits)
      #expect(split.messages == whole.messages, "at \(at)")
      #expect(split.end == whole.end, "at \(at)")
    }
  }

  @Test(arguments: streams) func byteByByte(_ stream: String) {
    let bytes = Array(stream.utf8)
    let whole = HTTPTestReader([bytes], limits: Self.limits)
    let single = HTTPTestReader(bytes.map { [$0] }, limits: Self.limits)
    #expect(single.messages == whole.messages)
    #expect(single.end == whole.end)
  }

  @Test func limits() {
    func end(_ text: String) -> HTTPTestReader.End { HTTPTestReader(text, limits: Self.limits).end }
    let path = String(repeating: "a", count: 29)
    #expect(end("GET /\(path) HTTP/1.1\r\nHost: a\r\n\r\n") == .clean)
    #expect(end("GET /\(path)a HTTP/1.1\r\nHost: a\r\n\r\n") == .failed(.targetTooLong))
    #expect(end("GET /" + String(repeating: path, count: 10)) == .failed(.targetTooLong))
    #expect(end("GET / HTTP/1.1\r\nHost: a\r\n1: a\r\n2: b\r\n3: c\r\n\r\n") == .clean)
    #expect(end("GET / HTTP/1.1\r\nHost: a\r\n1: a\r\n2: b\r\n3: c\r\n4: d\r\n\r\n") == .failed(.headerTooLarge))
    // 16 + 9 + 83 + 2 = 110.
    let value = String(repeating: "v", count: 78)
    #expect(end("GET / HTTP/1.1\r\nHost: a\r\nA: \(value)\r\n\r\n") == .clean)
    #expect(end("GET / HTTP/1.1\r\nHost: a\r\nA: \(value)v\r\n\r\n") == .failed(.headerTooLarge))
    #expect(end("GET / HTTP/1.1\r\nHost: a\r\nA: \(value)\(value)") == .failed(.headerTooLarge))
    // Every request has the whole room for itself.
    #expect(
      HTTPTestReader(String(repeating: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", count: 20), limits: Self.limits).messages.count == 20)
  }
}

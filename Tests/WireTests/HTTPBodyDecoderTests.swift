import Testing

@testable import Wire

@Suite("HTTP body")
struct HTTPBodyDecoderTests {
  private func chunked(_ body: String, limit: Int = 1000) -> HTTPTestReader {
    HTTPTestReader("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(body)", bodyLimit: limit)
  }

  @Test(arguments: [
    ("0\r\n\r\n", ""), ("5\r\nhello\r\n0\r\n\r\n", "hello"), ("1\r\na\r\n00a\r\nbcdefghijk\r\n000\r\n\r\n", "abcdefghijk"),
    ("5;a\r\nhello\r\n0;b=c\r\n\r\n", "hello"), ("5;a=\"b;\\\"c\"\r\nhello\r\n0\r\n\r\n", "hello"),
    ("5 ; a = b ;c\r\nhello\r\n0\r\n\r\n", "hello"),
    ("5\r\nhello\r\n0\r\nX: y\r\nZ:\r\n\r\n", "hello"), ("5\r\nhe\r\nl\r\n0\r\n\r\n", "he\r\nl"),
    ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
  ])
  func bodies(_ text: String, _ expected: String) {
    let reader = chunked(text)
    #expect(reader.end == .clean)
    #expect(reader.messages.first?.body == expected)
  }

  @Test(arguments: [
    "\r\n", "g\r\n", "-1\r\n", "+1\r\n", "0x1\r\n", "1_0\r\n", "5\nhello\r\n", "5\r\nhelloX", "5\r\nhello\n", "5\r\nhello\r0",
    "5 \r\n", " 5\r\n", "5;\r\n", "5;a \r\n",
    "5;=b\r\n", "5;a=\r\n", "5;a=\"b\r\n", "5;a=b c\r\n", "5;a\rb\r\n", "5;\u{1}\r\n", "0000000000000005\r\n",
    "ffffffffffffffff\r\n", "0\r\n\n", "0\r\nX\r\n", "0\r\n X: y\r\n",
    "0\r\nX : y\r\n", "0\r\nX: \u{0}\r\n", "0\r\nX: y\n", "0\r\n\rX", "5\r\r;ABCD\r\n",
  ])
  func malformedBodies(_ text: String) {
    guard case .failed(.malformed) = chunked(text).end else {
      Issue.record("\(text.debugDescription): \(chunked(text).end)")
      return
    }
  }

  @Test func aBodyThatIsTooLargeFailsBeforeItsDataComes() {
    #expect(chunked("5\r\n", limit: 4).end == .failed(.bodyTooLarge(limit: 4)))
    #expect(chunked("2\r\nab\r\n3\r\n", limit: 4).end == .failed(.bodyTooLarge(limit: 4)))
    #expect(chunked("7fffffffffffff\r\n", limit: 4).end == .failed(.bodyTooLarge(limit: 4)))
    #expect(chunked("2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n", limit: 4).messages.first?.body == "abcd")
    let long = HTTPTestReader("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nx", bodyLimit: 4)
    #expect(long.end == .failed(.bodyTooLarge(limit: 4)))
    let exact = HTTPTestReader("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", bodyLimit: 5)
    #expect(exact.messages.first?.body == "hello")
  }

  @Test func extensionsAndTrailersAreBounded() {
    let word = String(repeating: "e", count: 100)
    #expect(chunked(String(repeating: "1;\(word)\r\na\r\n", count: 30) + "0\r\n\r\n").end == .clean)
    #expect(chunked(String(repeating: "1;\(word)\r\na\r\n", count: 60) + "0\r\n\r\n").end.isFailure)
    #expect(chunked("0\r\n" + String(repeating: "\(word): a\r\n", count: 50) + "\r\n").end == .clean)
    #expect(chunked("0\r\n" + String(repeating: "\(word): a\r\n", count: 100) + "\r\n").end == .failed(.headerTooLarge))
  }

  @Test func whatIsLeftIsKnownForALength() throws {
    var decoder = HTTPBodyDecoder(.length(5))
    #expect(decoder.remainingBytes == 5)
    let taken = try "abc".withRawBytes { try decoder.decode($0, into: nil, limit: .max) }
    #expect(taken == 3)
    #expect(decoder.remainingBytes == 2)
    #expect(decoder.decodedBytes == 3)
    #expect(HTTPBodyDecoder(.chunked).remainingBytes == nil)
    #expect(HTTPBodyDecoder(.none).isComplete)
    #expect(HTTPBodyDecoder(.length(0)).isComplete)
  }

  @Test func bytesBehindTheBodyAreLeft() throws {
    var decoder = HTTPBodyDecoder(.length(3))
    #expect(try "abcGET".withRawBytes { try decoder.decode($0, into: nil, limit: .max) } == 3)
    #expect(decoder.isComplete)
  }
}

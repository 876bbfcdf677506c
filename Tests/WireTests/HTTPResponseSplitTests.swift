import Testing

@testable import Wire

/// However responses are cut, and wherever a reader pauses, they read the same, and fail the same.
@Suite("HTTP response splits")
struct HTTPResponseSplitTests {
  static let streams = [
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx: y\r\n\r\nhelloHTTP/1.1 204 None\r\n\r\nHTTP/1.0 200 OK\r\n\r\nto the end",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n1\r\n!\r\n0\r\nT: u\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhelloX",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\ng",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n0123456789abcdef\r\n0\r\n\r\nHTTP/1.1 304 Not\r\n\r\n",
    "HTTP/1.1 200 OK\nx: y\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 200 OK\r\na : b\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel", "HTTP/1.1 200 OK\r\nx: \u{1}\r\n\r\n",
    "HTTP/1.1 200 OK\r\nx: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n\r\n",
    "HTTP/1.1 101 X\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "garbage",
  ]
  static let limit = 100

  @Test(arguments: streams) func everySplitInTwo(_ stream: String) {
    let bytes = Array(stream.utf8)
    let whole = HTTPResponseTestReader([bytes], maxHeaderBytes: Self.limit)
    for at in 0...bytes.count {
      let split = HTTPResponseTestReader([Array(bytes[..<at]), Array(bytes[at...])], maxHeaderBytes: Self.limit)
      #expect(split == whole, "at \(at)")
    }
  }

  @Test(arguments: streams, [false, true]) func byteByByte(_ stream: String, holds: Bool) {
    let bytes = Array(stream.utf8)
    let whole = HTTPResponseTestReader([bytes], maxHeaderBytes: Self.limit, holds: holds)
    #expect(HTTPResponseTestReader(bytes.map { [$0] }, maxHeaderBytes: Self.limit, holds: holds) == whole)
    #expect(HTTPResponseTestReader([bytes], maxHeaderBytes: Self.limit) == whole)
  }

  /// A read that is one whole chunk is taken in one step; whatever is only nearly one, is not, and reads as ever.
  @Test(arguments: [
    ("5\r\nhello\r\n", true), ("05\r\nhello\r\n", true), ("A\r\n0123456789\r\n", true), ("5;a=b\r\nhello\r\n", false),
    ("5\r\nhello\r", false),
    ("5\r\nhello", false), ("5\r\nhello\r\n1", false), ("5\nhello\r\n", false), ("4\r\nhello\r\n", false),
    ("6\r\nhello\r\n", false),
    ("0\r\n\r\n", false), ("\r\nhello\r\n", false), ("5\r\nhello\n\n", false), ("ffffffffffffffff5\r\nhello\r\n", false),
  ]) func oneChunkARead(_ read: String, isTaken: Bool) {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"
    let end = "2\r\nxy\r\n0\r\n\r\n"
    let parts = [head, read, end].map { Array($0.utf8) }
    let inParts = HTTPResponseTestReader(parts)
    #expect(inParts == HTTPResponseTestReader([Array(parts.joined())]))
    #expect(inParts.singleChunks == (isTaken ? 1 : 0))
  }

  /// What breaks off at any byte is never taken for complete, except where only the connection's end tells.
  @Test(arguments: [
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nT: u\r\n\r\n",
  ]) func truncatedAnywhere(_ stream: String) {
    let bytes = Array(stream.utf8)
    for length in 1..<bytes.count {
      #expect(HTTPResponseTestReader([Array(bytes[..<length])]).end == .cutOff, "after \(length)")
    }
    #expect(HTTPResponseTestReader([bytes]).end == .clean)
  }
}

import Testing

@testable import Wire

@Suite("HTTP response parser")
struct HTTPResponseParserTests {
  private func message(_ text: String, answersHead: Bool = false) -> HTTPResponseTestReader.Message? {
    let reader = HTTPResponseTestReader(text, answersHead: answersHead)
    return reader.end == .clean && reader.messages.count == 1 ? reader.messages[0] : nil
  }

  private func failure(_ text: String, maxHeaderBytes: Int = 1000) -> HTTPResponseError? {
    guard case .failed(let error) = HTTPResponseTestReader(text, maxHeaderBytes: maxHeaderBytes).end else { return nil }
    return error
  }

  @Test func fields() {
    let head = message(
      "HTTP/1.1 429 Too Many Requests\r\nContent-Type: \t text/event-stream; charset=utf-8 \r\ncontent-type: second\r\nRETRY-AFTER: 17\r\n"
        + "Content-Encoding:gzip\r\nLocation: /x\r\nx-empty:\r\ncontent-length: 0\r\n\r\n"
    )?.head
    #expect(
      head
        == HTTPReceivedHead(
          status: 429, contentType: "text/event-stream; charset=utf-8", retryAfterSeconds: 17, contentEncoding: "gzip",
          location: "/x"))
  }

  @Test(arguments: ["application/json", "text/event-stream", "application/jsox", "text/plain", "Application/JSON"])
  func contentTypesAreAsReceived(type: String) {
    #expect(message("HTTP/1.1 200 OK\r\ncontent-type: \(type)\r\ncontent-length: 0\r\n\r\n")?.head.contentType == type)
  }

  @Test(arguments: ["Wed, 21 Oct 2015 07:28:00 GMT", "-1", "+5", "", "1 2", "99999999999999999999"])
  func retryAfterThatIsNoNumber(value: String) {
    let head = message("HTTP/1.1 503 X\r\nRetry-After: \(value)\r\ncontent-length: 0\r\n\r\n")?.head
    #expect(head?.status == 503 && head?.retryAfterSeconds == nil)
  }

  @Test(arguments: ["HTTP/1.1 200 OK", "HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.1 200 \u{e9} x", "HTTP/1.9 200 OK"])
  func statusLines(line: String) {
    #expect(message("\(line)\r\ncontent-length: 2\r\n\r\nab")?.body == "ab")
    #expect(message("\(line)\r\ncontent-length: 2\r\n\r\nab")?.keepsAlive == true)
  }

  @Test(arguments: [
    "HTTP/1.1", "HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1 099 X", "HTTP/1.1 600 X", "HTTP/1.1 +20 X", "HTTP/1.1  200 OK",
    "HTTP/2 200",
    "HTTP/2.0 200 OK", "HTTP/1. 200 OK", "HTTP/1.10 200 OK", "http/1.1 200 OK", "ICY 200 OK", "SSH-2.0-OpenSSH", "<html>", "",
    "HTTP/1.1 200 O\0K", "HTTP/1.1 200 O\rK", "HTTP/1.1 200\tOK", " HTTP/1.1 200 OK", "HTTP/0.9 200 OK",
  ]) func badStatusLines(line: String) { #expect(failure("\(line)\r\n\r\n") != nil) }

  @Test(arguments: ["S", "\0", "HTTP/2", "hTTP", "\r\n", "\n", "H\n"]) func garbageIsNotWaitedFor(start: String) {
    #expect(failure(start) != nil)
  }

  @Test(arguments: [
    "a", "a b: c", "a : b", ": b", " a: b", "\ta: b", "a: b\0", "a: b\u{1}", "a: b\rc", "a: \u{7f}", "\u{e9}: a", "a: b\r\n folded",
    "a: b\r\n\tfolded",
  ]) func badFields(line: String) { #expect(failure("HTTP/1.1 200 OK\r\n\(line)\r\n\r\n") != nil) }

  /// Every byte at every place of a value longer than what is looked at in one step.
  @Test func everyByteOfAFieldValueIsLookedAt() {
    let start = Array("HTTP/1.1 200 OK\r\nLocation: ".utf8)
    for index in 1..<18 {
      for byte in UInt8.min...UInt8.max {
        var value = Array("0123456789abcdefghi".utf8)
        value[index] = byte
        let isValid = byte == 0x09 || (byte >= 0x20 && byte != 0x7F)
        var parser = HTTPResponseParser(maxHeaderBytes: 1000)
        let hasHead = (start + value + Array("\r\n\r\n".utf8)).withUnsafeBytes { bytes in
          var rest = bytes
          guard case .head? = try? parser.next(&rest) else { return false }
          return true
        }
        if hasHead != isValid { Issue.record("\(byte) at \(index)") }
      }
    }
  }

  @Test func lineFeedsAlone() {
    #expect(failure("HTTP/1.1 200 OK\ncontent-length: 0\r\n\r\n") != nil)
    #expect(failure("HTTP/1.1 200 OK\r\ncontent-length: 0\n\r\n") != nil)
    #expect(failure("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\n") != nil)
  }

  @Test(arguments: [
    "Content-Length: 5\r\nContent-Length: 6", "Content-Length: +5", "Content-Length: -1", "Content-Length: 0x5",
    "Content-Length: 5, 6",
    "Content-Length: 5, 5", "Content-Length:", "Content-Length: 99999999999999999999",
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: gzip", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked, chunked", "Transfer-Encoding:",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked;q=1", "Transfer-Encoding: identity",
  ]) func doubtfulLengths(fields: String) {
    #expect(failure("HTTP/1.1 200 OK\r\n\(fields)\r\n\r\n5\r\nhello\r\n0\r\n\r\n") != nil)
    // Nor where there is no body to be measured.
    #expect(failure("HTTP/1.1 204 No Content\r\n\(fields)\r\n\r\n") != nil)
  }

  @Test func chunkedInHTTP10() { #expect(failure("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") != nil) }

  @Test func theSameLengthTwice() {
    #expect(message("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab")?.body == "ab")
  }

  @Test(arguments: [204, 304]) func statusesWithoutABody(status: Int) {
    let reader = HTTPResponseTestReader(
      "HTTP/1.1 \(status) X\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")
    #expect(reader.end == .clean)
    #expect(reader.messages.map(\.head.status) == [status, 200])
    #expect(reader.messages.map(\.body) == ["", "a"])
    #expect(message("HTTP/1.1 \(status) X\r\nTransfer-Encoding: chunked\r\n\r\n")?.body == "")
  }

  @Test func answersToHead() {
    for framing in ["Content-Length: 500", "Transfer-Encoding: chunked", "x: y"] {
      let message = message("HTTP/1.1 200 OK\r\n\(framing)\r\n\r\n", answersHead: true)
      #expect(message?.body == "" && message?.keepsAlive == true)
    }
  }

  @Test func informationalResponses() {
    let reader = HTTPResponseTestReader(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlocation: /no\r\ncontent-length: 7\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na"
    )
    #expect(reader.messages.map(\.head.status) == [200])
    #expect(reader.messages.first?.head.location == nil)
    #expect(reader.messages.first?.body == "a")
    #expect(failure("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n") != nil)
  }

  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\n\r\nall of it?", true), ("HTTP/1.0 200 OK\r\n\r\n", true),
    ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na", false), ("HTTP/1.1 204 No Content\r\n\r\n", false),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", false),
  ]) func whetherTheConnectionsEndIsTheBodys(text: String, isSo: Bool) { #expect(message(text)?.head.endsWithConnection == isSo) }

  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", true),
    ("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", false),
    ("HTTP/1.1 200 OK\r\nConnection: x, Close\r\ncontent-length: 0\r\n\r\n", false),
    ("HTTP/1.1 200 OK\r\nconnection: closed\r\ncontent-length: 0\r\n\r\n", true),
    ("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", false),
    ("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n", false),
    ("HTTP/1.1 200 OK\r\n\r\nuntil the end", false),
  ]) func whetherTheConnectionIsKept(text: String, keeps: Bool) { #expect(message(text)?.keepsAlive == keeps) }

  @Test(arguments: [
    ("5\r\nhello\r\n0\r\n\r\n", "hello"), ("00005\r\nhello\r\n000\r\n\r\n", "hello"), ("0\r\n\r\n", ""),
    ("5;a=b;c=\"d;\\\"e\"\r\nhello\r\n0;x\r\n\r\n", "hello"), ("5 \t; a = b\r\nhello\r\n0\r\n\r\n", "hello"),
    ("1\r\na\r\nA\r\n0123456789\r\na\r\n0123456789\r\n0\r\nt: u\r\nv:\r\n\r\n", "a01234567890123456789"),
  ]) func chunkedBodies(text: String, body: String) {
    #expect(message("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n\(text)")?.body == body)
  }

  @Test(arguments: [
    "x\r\n", "\r\n", "-1\r\n", "+1\r\n", "0x1\r\n", "1\n", "1 1\r\n", "1\r\nab\r\n", "1\r\na\n", "1\r\na\rb", "1;\r\n", "1;a=\r\n",
    "1;a=\"\0\"\r\n",
    "1000000000000000\r\n", "FFFFFFFFFFFFFFFF\r\n", "0\r\n t: u\r\n\r\n", "0\r\nt u: v\r\n\r\n", "0\r\nt: \0\r\n\r\n",
    "0\r\nt: u\n\r\n", "0\r\n\n",
  ]) func malformedChunks(text: String) {
    #expect(failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(text)") != nil)
  }

  @Test func endlessExtensions() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    let fits = String(repeating: "x", count: HTTPResponseParser.maxChunkLineBytes - 4)
    #expect(message("\(head)1;\(fits)\r\na\r\n1;\(fits)\r\nb\r\n0\r\n\r\n")?.body == "ab")
    #expect(failure("\(head)1;\(fits)x\r\n") != nil)
  }

  @Test func theLimitCountsEverything() {
    let text = "HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 0\r\n\r\n"
    #expect(failure(text, maxHeaderBytes: text.utf8.count) == nil)
    #expect(failure(text, maxHeaderBytes: text.utf8.count - 1) == .headerTooLarge)
    #expect(failure("HTTP/1.1 100 Continue\r\n\r\n" + text, maxHeaderBytes: text.utf8.count) == .headerTooLarge)
    #expect(failure("HTTP/1.1 200 OK\r\nx: " + String(repeating: "x", count: 100), maxHeaderBytes: 100) == .headerTooLarge)
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    let trailers = "t: u\r\n\r\n"
    #expect(failure("\(chunked)0\r\n\(trailers)", maxHeaderBytes: chunked.utf8.count + trailers.utf8.count) == nil)
    #expect(failure("\(chunked)0\r\n\(trailers)", maxHeaderBytes: chunked.utf8.count + trailers.utf8.count - 1) == .headerTooLarge)
  }

  /// What is no response shows at its first wrong byte, unless the limit comes before that, however the bytes are split.
  @Test func theLimitComesBeforeAWrongStart() {
    let (interim, wrong) = ("HTTP/1.1 100 Continue\r\n\r\n", "HTTPx")
    for inside in 1...wrong.utf8.count {
      let limit = interim.utf8.count + inside
      let expected = inside < wrong.utf8.count ? HTTPResponseError.headerTooLarge : .malformed("this is not an HTTP/1 response")
      for cut in 0...wrong.utf8.count {
        let parts = [Array(interim.utf8), Array(wrong.utf8.prefix(cut)), Array(wrong.utf8.dropFirst(cut))]
        #expect(HTTPResponseTestReader(parts, maxHeaderBytes: limit).end == .failed(expected), "\(inside), cut at \(cut)")
      }
    }
  }

  @Test func bodiesAreSlicesOfTheInput() throws {
    var parser = HTTPResponseParser(maxHeaderBytes: 100)
    let text = Array("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\nabc".utf8)
    try text.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) throws -> Void in
      var rest = bytes
      guard case .head = try parser.next(&rest) else {
        _ = Issue.record("no head")
        return
      }
      for (offset, piece) in [(50, "hello"), (60, "abc")] {
        guard case .body(let body) = try parser.next(&rest) else {
          _ = Issue.record("no body")
          return
        }
        #expect(body.baseAddress == bytes.baseAddress! + offset)
        #expect(String(decoding: body, as: UTF8.self) == piece)
      }
      guard case .more = try parser.next(&rest) else {
        _ = Issue.record("more than there is")
        return
      }
    }
  }
}

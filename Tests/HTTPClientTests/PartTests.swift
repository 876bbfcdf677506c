import Testing
import Wire

@testable import HTTPClient

@Suite struct UploadBodyTests {
  private func drain(_ body: inout UploadBody, by size: Int) -> String {
    var text = ""
    withUnsafeTemporaryAllocation(byteCount: size, alignment: 1) { memory in
      while case let count = body.read(into: memory), count > 0 { text += String(decoding: memory.prefix(count), as: UTF8.self) }
    }
    return text
  }

  @Test(arguments: 1...12) func drawnInAnySteps(size: Int) {
    let buffer = ByteBuffer("0123456789")
    var body = UploadBody([
      HTTPClientBodyPart(buffer, 0..<0), HTTPClientBodyPart(buffer, 2..<5), HTTPClientBodyPart(buffer), part(""),
    ])
    #expect(body.count == 13)
    #expect(drain(&body, by: size) == "2340123456789")
    #expect(drain(&body, by: size) == "")
    body.rewind()
    #expect(drain(&body, by: size) == "2340123456789")
    #expect(body.short?.text == "2340123456789")
  }

  @Test func rangesCountFromTheFirstReadableByte() {
    let buffer = ByteBuffer("abcdef")
    buffer.consume(2)
    #expect(UploadBody([HTTPClientBodyPart(buffer, 1..<3)]).short?.text == "de")
  }

  @Test func onlyShortBodiesArePutTogether() {
    #expect(UploadBody([]).short == nil)
    #expect(UploadBody([part(String(repeating: "x", count: UploadBody.shortLimit))]).short != nil)
    #expect(UploadBody([part(String(repeating: "x", count: UploadBody.shortLimit + 1))]).short == nil)
  }
}

@Suite struct ResponseHeadParserTests {
  /// nil: invalid. An empty list: no head yet.
  private func heads(_ lines: [String], limit: Int = 1000) -> [HTTPClientResponseHead]? {
    var parser = ResponseHeadParser(maxBytes: limit)
    var heads: [HTTPClientResponseHead] = []
    for line in lines {
      var text = line + "\r\n"
      switch text.withUTF8({ parser.receive(UnsafeRawBufferPointer($0)) }) {
      case .more: break
      case .head(let head): heads.append(head)
      case .invalid: return nil
      }
    }
    return heads
  }

  @Test func fields() {
    let head = heads([
      "HTTP/2 200", "Content-Type:text/html", "content-type: text/plain", "RETRY-AFTER: Wed, 21 Oct 2015 07:28:00 GMT",
      "content-typ: x",
      "no colon", ": no name", "",
    ])
    #expect(head?.map(\.status) == [200])
    #expect(head?.first?.contentType == "text/html")
    #expect(head?.first?.retryAfterSeconds == nil)
  }

  @Test(arguments: ["HTTP/1.1 200 OK", "HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.0 599 x y"]) func statusLines(line: String) {
    #expect(heads([line, ""])?.count == 1)
  }

  @Test(arguments: [
    "HTTP/1.1", "HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1 099 X", "HTTP/1.1 600 X", "HTTP/1.1 +20 X", "FTP/1.1 200 OK", "",
  ])
  func badStatusLines(line: String) { #expect(heads([line, ""]) == nil) }

  @Test func informationalHeadsAndTrailers() {
    #expect(heads(["HTTP/1.1 100 Continue", "", "HTTP/1.1 200 OK", "", "trailer: x", ""])?.map(\.status) == [200])
    #expect(heads(["HTTP/1.1 101 Switching", ""]) == nil)
  }

  @Test func theLimitCountsEverything() {
    let lines = ["HTTP/1.1 200 OK", "a: b", ""]
    #expect(heads(lines, limit: 25)?.count == 1)
    #expect(heads(lines, limit: 24) == nil)
    #expect(heads(lines + ["trailer: x"], limit: 25) == nil)
  }
}

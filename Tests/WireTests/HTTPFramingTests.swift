import Testing

@testable import Wire

@Suite("HTTP framing")
struct HTTPFramingTests {
  private func head(_ fields: String, version: String = "1.1") -> HTTPTestReader {
    HTTPTestReader("POST / HTTP/\(version)\r\nHost: a\r\n\(fields)\r\n")
  }

  @Test func lengths() {
    #expect(head("").heads.first?.framing == HTTPRequestHead.Framing.none)
    #expect(head("Content-Length: 007\r\n").heads.first?.framing == .length(7))
    #expect(head("content-LENGTH:\t9223372036854775807 \r\n").heads.first?.framing == .length(.max))
  }

  @Test(arguments: [
    "+5", "-5", "-0", "", "5 5", "5,5", "5, 5", "0x5", "5a", "5.0", "9223372036854775808", "99999999999999999999", "٣",
  ])
  func badLengths(_ length: String) {
    guard case .failed(.malformed) = head("Content-Length: \(length)\r\n").end else {
      Issue.record("\(length)")
      return
    }
  }

  @Test(arguments: [
    "Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n",
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "Transfer-Encoding: chunked, gzip\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n",
    "Transfer-Encoding: chunked, chunked\r\n",
    "Transfer-Encoding:\r\n", "Transfer-Encoding: ,\r\n",
  ])
  func doubtfulLengthsAreRefused(_ fields: String) {
    guard case .failed(.malformed) = head(fields).end else {
      Issue.record("\(fields.debugDescription): \(head(fields).end)")
      return
    }
  }

  @Test func transferCodings() {
    #expect(head("Transfer-Encoding: Chunked\r\n").heads.first?.framing == .chunked)
    #expect(head("Transfer-Encoding: , chunked ,\r\n").heads.first?.framing == .chunked)
    for unknown in ["gzip", "identity", "gzip, chunked", "xchunked", "chunked;a=b", "gzip\r\nTransfer-Encoding: chunked"] {
      #expect(head("Transfer-Encoding: \(unknown)\r\n").end == .failed(.unsupportedTransferCoding), "\(unknown)")
    }
    guard case .failed(.malformed) = head("Transfer-Encoding: chunked\r\n", version: "1.0").end else {
      Issue.record("HTTP/1.0 has no transfer codings")
      return
    }
  }

  @Test func persistence() {
    func keeps(_ fields: String, _ version: String = "1.1") -> Bool? { head(fields, version: version).heads.first?.keepsAlive }
    #expect(keeps("") == true)
    #expect(keeps("Connection: close\r\n") == false)
    #expect(keeps("Connection: x, CLOSE\r\n") == false)
    #expect(keeps("Connection: keep-alive\r\nConnection: close\r\n") == false)
    #expect(keeps("Connection: closed\r\n") == true)
    #expect(keeps("", "1.0") == false)
    #expect(keeps("Connection: Keep-Alive\r\n", "1.0") == true)
    #expect(keeps("Connection: keep-alive, close\r\n", "1.0") == false)
  }

  @Test func expectations() {
    let waiting = head("Expect: 100-Continue\r\nContent-Length: 3\r\n").heads.first
    #expect(waiting?.expectsContinue == true)
    #expect(waiting?.hasUnknownExpectation == false)
    #expect(head("Expect: 100-continue\r\n").heads.first?.expectsContinue == false)
    #expect(head("Expect: 100-continue\r\nContent-Length: 3\r\n", version: "1.0").heads.first?.expectsContinue == false)
    #expect(head("Expect: 200-ok\r\nContent-Length: 3\r\n").heads.first?.hasUnknownExpectation == true)
  }
}

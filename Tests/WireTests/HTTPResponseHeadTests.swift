import Testing

@testable import Wire

@Suite("HTTP response head")
struct HTTPResponseHeadTests {
  private func encoded(_ head: HTTPResponseHead) -> String {
    let buffer = ByteBuffer()
    head.encode(into: buffer)
    return buffer.text
  }

  @Test func lines() {
    var head = HTTPResponseHead(status: 200)
    head.add("content-type", "application/json" as StaticString)
    head.add("x-request-id", String("abc"))
    head.add(lines: "a: b\r\nc: d\r\n")
    #expect(encoded(head) == "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: abc\r\na: b\r\nc: d\r\n")
  }

  @Test func statuses() {
    #expect(encoded(HTTPResponseHead(status: 404)) == "HTTP/1.1 404 Not Found\r\n")
    #expect(encoded(HTTPResponseHead(status: 599)) == "HTTP/1.1 599 \r\n")
    #expect(HTTPStatus.hasNoBody(204) && HTTPStatus.hasNoBody(304) && HTTPStatus.hasNoBody(100) && !HTTPStatus.hasNoBody(200))
  }

  @Test func nothingCanBeInjected() {
    var head = HTTPResponseHead(status: 200)
    head.add("x", String("a\r\nevil: b\u{0}\u{7f}\tü"))
    #expect(encoded(head) == "HTTP/1.1 200 OK\r\nx: a  evil: b   ü\r\n")
    var plain = HTTPResponseHead(status: 200)
    plain.add("x", String("no control byte in üall of it"))
    plain.add("y", String("only the last one\n"))
    #expect(encoded(plain) == "HTTP/1.1 200 OK\r\nx: no control byte in üall of it\r\ny: only the last one \r\n")
  }
}

import HTTPServer
import Wire

/// The heads of answers.
enum Response {
  private static let common: StaticString =
    "access-control-allow-origin: *\r\naccess-control-expose-headers: x-request-id, retry-after\r\n"

  static func head(_ status: Int, _ requestID: String) -> HTTPResponseHead {
    var head = HTTPResponseHead(status: status)
    head.add(lines: common)
    head.add("x-request-id", requestID)
    return head
  }

  static func json(_ status: Int, _ requestID: String) -> HTTPResponseHead {
    var head = head(status, requestID)
    head.add(lines: "content-type: application/json\r\n")
    return head
  }

  /// An event stream that no proxy should hold back or keep.
  static func stream(_ requestID: String) -> HTTPResponseHead {
    var head = head(200, requestID)
    head.add(lines: "content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\nx-accel-buffering: no\r\n")
    return head
  }

  /// The answer to a CORS preflight; good for a day.
  static func preflight(_ requestID: String, allow: String) -> HTTPResponseHead {
    var head = head(204, requestID)
    head.add("allow", allow)
    head.add("access-control-allow-methods", allow)
    head.add(
      lines:
        "access-control-allow-headers: authorization, content-type, x-api-key, x-request-id\r\naccess-control-max-age: 86400\r\n")
    return head
  }

  static func error(_ error: GatewayError, _ requestID: String) -> (head: HTTPResponseHead, body: ByteBuffer) {
    var head = json(error.status, requestID)
    if let seconds = error.retryAfterSeconds { head.add("retry-after", String(seconds)) }
    if case .methodNotAllowed(let allowed) = error { head.add("allow", allowed) }
    if case .invalidAPIKey = error { head.add("www-authenticate", "Bearer" as StaticString) }
    let body = ByteBuffer()
    error.body.write(to: body)
    return (head, body)
  }

  static func send(_ error: GatewayError, to http: HTTPServerExchange, requestID: String) {
    let (head, body) = self.error(error, requestID)
    http.respond(head, body: body)
  }
}

import HTTPServer
import Wire

/// What the heads of all answers to one request share.
struct AnswerHead {
  let requestID: String
  /// Of the client's key, if it has a limit.
  let rateLimit: KeyLimiter.Status?
}

/// The heads of answers.
enum Response {
  private static let cors: StaticString =
    "access-control-allow-origin: *\r\naccess-control-expose-headers: x-request-id, retry-after, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests\r\n"

  static func head(_ status: Int, _ common: AnswerHead) -> HTTPResponseHead {
    var head = HTTPResponseHead(status: status)
    head.add(lines: cors)
    head.add("x-request-id", common.requestID)
    if let limit = common.rateLimit {
      head.add("x-ratelimit-limit-requests", String(limit.limit))
      head.add("x-ratelimit-remaining-requests", String(limit.remaining))
      let milliseconds = limit.resetMilliseconds
      head.add("x-ratelimit-reset-requests", milliseconds < 1000 ? "\(milliseconds)ms" : "\((milliseconds + 999) / 1000)s")
    }
    return head
  }

  static func json(_ status: Int, _ common: AnswerHead) -> HTTPResponseHead {
    var head = head(status, common)
    head.add(lines: "content-type: application/json\r\n")
    return head
  }

  /// Prometheus' text format.
  static func metrics(_ common: AnswerHead) -> HTTPResponseHead {
    var head = head(200, common)
    head.add(lines: "content-type: text/plain; version=0.0.4; charset=utf-8\r\n")
    return head
  }

  /// An event stream that no proxy should hold back or keep.
  static func stream(_ common: AnswerHead) -> HTTPResponseHead {
    var head = head(200, common)
    head.add(lines: "content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\nx-accel-buffering: no\r\n")
    return head
  }

  /// The answer to a CORS preflight; good for a day.
  static func preflight(_ common: AnswerHead, allow: String) -> HTTPResponseHead {
    var head = head(204, common)
    head.add("allow", allow)
    head.add("access-control-allow-methods", allow)
    head.add(
      lines:
        "access-control-allow-headers: authorization, content-type, x-api-key, x-request-id\r\naccess-control-max-age: 86400\r\n")
    return head
  }

  static func error(_ error: GatewayError, _ common: AnswerHead) -> (head: HTTPResponseHead, body: ByteBuffer) {
    var head = json(error.status, common)
    if let seconds = error.retryAfterSeconds { head.add("retry-after", String(seconds)) }
    if case .methodNotAllowed(let allowed) = error { head.add("allow", allowed) }
    if case .invalidAPIKey = error { head.add("www-authenticate", "Bearer" as StaticString) }
    let body = ByteBuffer()
    error.body.write(to: body)
    return (head, body)
  }

  static func send(_ error: GatewayError, to http: HTTPServerExchange, head common: AnswerHead) {
    let (head, body) = self.error(error, common)
    http.respond(head, body: body)
  }
}

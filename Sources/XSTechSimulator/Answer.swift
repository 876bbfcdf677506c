import HTTPServer
import Wire

/// A complete answer, ready to be sent.
struct Answer {
  var status = 200
  var contentType: StaticString = "application/json; charset=utf-8"
  var retryAfter: Int?
  var location: String?
  var body = ByteBuffer()

  var head: HTTPResponseHead {
    var head = HTTPResponseHead(status: status)
    head.add("content-type", contentType)
    head.add(lines: Self.serverLine)
    if let retryAfter { head.add("retry-after", String(retryAfter)) }
    if let location { head.add("location", location) }
    return head
  }

  static let serverLine: StaticString = "x-server: goamzai-plus/3.1.0\r\n"

  /// A JSON body without the envelope.
  static func json(status: Int = 200, _ write: (inout JSONWriter) -> Void) -> Answer {
    var answer = Answer(status: status)
    var json = JSONWriter(answer.body)
    write(&json)
    answer.body = json.buffer
    return answer
  }

  /// `{"code":0,"data":…,"msg":""}`.
  static func success(_ write: (inout JSONWriter) -> Void) -> Answer {
    json { json in
      json.beginObject()
      json.member("code", 0)
      json.key("data")
      write(&json)
      json.member("msg", "")
      json.endObject()
    }
  }

  static var nothing: Answer { success { $0.null() } }

  /// A failure in the service's envelope.
  static func failure(_ code: Int, _ message: String, status: Int = 200) -> Answer {
    json(status: status) { json in
      json.beginObject()
      json.member("code", code)
      json.key("data")
      json.null()
      json.member("msg", message)
      json.endObject()
    }
  }

  static func html(status: Int) -> Answer {
    Answer(
      status: status, contentType: "text/html; charset=UTF-8",
      body: ByteBuffer(
        "<!DOCTYPE html>\n<html><head><title>xstech.one | \(status)</title></head>\n"
          + "<body><h1>Error \(status)</h1><p>The web server reported an error. 请稍后再试。</p></body></html>\n"))
  }

  init(
    status: Int = 200, contentType: StaticString = "application/json; charset=utf-8", retryAfter: Int? = nil,
    location: String? = nil, body: ByteBuffer = ByteBuffer()
  ) {
    (self.status, self.contentType, self.retryAfter, self.location, self.body) = (status, contentType, retryAfter, location, body)
  }

  /// What a fault puts in the place of the usual answer.
  init(_ substitute: Faults.Substitute) {
    switch substitute {
    case .http(let status, let retryAfter):
      self = status >= 500 ? .html(status: status) : .failure(status, "HTTP \(status)", status: status)
      self.retryAfter = retryAfter
    case .envelope(let status, let code, let message, let retryAfter):
      self = .failure(code, message, status: status)
      self.retryAfter = retryAfter
    case .html: self = .html(status: 200)
    case .redirect: self.init(status: 302, contentType: "text/html", location: "https://xstech.one/login")
    }
  }
}

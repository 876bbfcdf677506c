import Wire

/// What is to be sent, how often and how much at a time.
struct Plan {
  enum Question {
    /// The simulator's numbered pieces, of so many bytes each.
    case say(count: Int, bytes: Int)
    case text(String)
  }

  var host = "127.0.0.1"
  var port = 8000
  var path = "/v1/chat/completions"
  var key: String?
  var model = "xstech-openai::gpt-5.5"
  var question = Question.say(count: 60, bytes: 64)
  /// Milliseconds between the pieces of `say`; nil: the simulator's own pace.
  var pace: Int?
  var isStreamed = true
  var streams = 1
  var requests = 1
  var rampMilliseconds: UInt64 = 0
  var reusesConnections = true
  var timeoutSeconds: UInt64 = 60
  var requestTimeoutSeconds: UInt64 = 60

  var checker: SayChecker? {
    if case .say(let count, let bytes) = question { SayChecker(count: count, bytes: bytes) } else { nil }
  }

  /// A request as bytes; `number` makes every question another one.
  func request(_ number: Int) -> ByteBuffer {
    let body = ByteBuffer()
    var json = JSONWriter(body)
    json.beginObject()
    json.key("model")
    json.string(model)
    json.key("stream")
    json.bool(isStreamed)
    json.key("messages")
    json.beginArray()
    json.beginObject()
    json.key("role")
    json.string("user")
    json.key("content")
    json.string(text(number))
    json.endObject()
    json.endArray()
    json.endObject()
    let out = ByteBuffer("POST \(path) HTTP/1.1\r\nhost: \(host):\(port)\r\ncontent-type: application/json\r\n")
    if let key { out.append("authorization: Bearer \(key)\r\n") }
    out.append("accept: \(isStreamed ? "text/event-stream" : "application/json")\r\n")
    if !reusesConnections { out.append("connection: close\r\n") }
    out.append("content-length: \(body.count)\r\n\r\n")
    out.append(body.bytes)
    return out
  }

  private func text(_ number: Int) -> String {
    let pace = pace.map { "@pace \($0) " } ?? ""
    switch question {
    case .say(let count, let bytes): return "question \(number): \(pace)@say \(count) \(bytes)"
    case .text(let text): return text
    }
  }
}

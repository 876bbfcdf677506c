import Wire

/// What is to be sent, how often and how much at a time.
struct Plan {
  enum Question {
    /// The simulator's numbered pieces, of so many bytes each.
    case say(count: Int, bytes: Int)
    case text(String)
    /// No chat at all: `GET` of the path, whose answer has to be the same every time.
    case document
  }

  var host = "127.0.0.1"
  var port = 8000
  var path = "/v1/chat/completions"
  var key: String?
  var model = "xstech-openai::gpt-5.5"
  var question = Question.say(count: 60, bytes: 64)
  /// Milliseconds between the pieces of `say`; nil: the simulator's own pace.
  var pace: Int?
  /// Pieces of `say` in one write where there is no pace; nil: as the simulator likes.
  var batch: Int?
  var isStreamed = true
  var streams = 1
  /// In one round.
  var requests = 1
  /// Rounds after the first, in which every conversation of the first goes on with its whole history; only these are reported then.
  var followUps = 0
  var rampMilliseconds: UInt64 = 0
  var reusesConnections = true
  var timeoutSeconds: UInt64 = 60
  var requestTimeoutSeconds: UInt64 = 60

  var isDocument: Bool { if case .document = question { true } else { false } }

  /// When the streams begin, in nanoseconds from the start, in order: at random moments of the ramp, so that their paces do not fall
  /// together; the same ones in every run.
  var begins: [UInt64] {
    let ramp = rampMilliseconds * 1_000_000
    var seed: UInt64 = 42
    return (0..<min(streams, requests)).map { _ in
      // Knuth's MMIX; its upper bits are the good ones.
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return ramp == 0 ? 0 : (seed >> 20) % ramp
    }.sorted()
  }

  /// What the answer is held against.
  var expectation: AnswerReader.Expectation {
    switch question {
    case .say(let count, let bytes): .chat(isStreamed: isStreamed, SayChecker(count: count, bytes: bytes))
    case .text: .chat(isStreamed: isStreamed, nil)
    case .document: .document
    }
  }

  /// A user's message as JSON; `number` makes every question another one.
  func message(_ number: Int) -> ByteBuffer {
    var json = JSONWriter(ByteBuffer())
    json.beginObject()
    json.key("role")
    json.string("user")
    json.key("content")
    json.string(text(number))
    json.endObject()
    return json.buffer
  }

  /// A request as bytes.
  /// - Parameter messages: the conversation's, as JSON with commas between.
  func request(_ messages: ByteBuffer) -> ByteBuffer {
    if case .document = question {
      let out = ByteBuffer("GET \(path) HTTP/1.1\r\n")
      appendFields(to: out, accept: "application/json")
      out.append("\r\n")
      return out
    }
    let body = ByteBuffer(#"{"model":"#)
    var json = JSONWriter(body)
    json.string(model)
    body.append(isStreamed ? #","stream":true,"messages":["# : #","stream":false,"messages":["#)
    body.append(messages.bytes)
    body.append("]}")
    let out = ByteBuffer("POST \(path) HTTP/1.1\r\n")
    appendFields(to: out, accept: isStreamed ? "text/event-stream" : "application/json")
    out.append("content-type: application/json\r\ncontent-length: \(body.count)\r\n\r\n")
    out.append(body.bytes)
    return out
  }

  private func appendFields(to out: ByteBuffer, accept: StaticString) {
    out.append("host: \(host):\(port)\r\naccept: ")
    out.append(accept)
    out.append("\r\n")
    if let key { out.append("authorization: Bearer \(key)\r\n") }
    if !reusesConnections { out.append("connection: close\r\n") }
  }

  private func text(_ number: Int) -> String {
    switch question {
    case .say(let count, let bytes):
      let pace = pace.map { "@pace \($0) " } ?? ""
      let batch = batch.map { "@batch \($0) " } ?? ""
      return "question \(number): \(pace)\(batch)@say \(count) \(bytes)"
    case .text(let text): return text
    case .document: return ""
    }
  }
}

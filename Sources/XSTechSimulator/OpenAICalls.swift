import HTTPServer
import Wire

/// The same answers in OpenAI's form, without accounts and sessions: for a load generator's own test, and for plain
/// reverse proxies as a yardstick.
extension Simulator {
  func openAIModels() -> Answer {
    .json { json in
      json.beginObject()
      json.member("object", "list")
      json.key("data")
      json.beginArray()
      for model in Model.catalogue {
        json.beginObject()
        json.member("id", model.value)
        json.member("object", "model")
        json.member("created", 1_764_000_000)
        json.member("owned_by", "simulator")
        json.endObject()
      }
      json.endArray()
      json.endObject()
    }
  }

  func openAIChat(_ exchange: HTTPServerExchange, _ body: ByteBuffer) {
    guard let root = try? JSONDocument(parsing: body.bytes).root, let last = root["messages"]?.elements.last,
      let content = last["content"]
    else { return send(Self.openAIError("messages"), exchange) }
    let text = content.string ?? content.elements.compactMap { $0["text"]?.string }.joined(separator: "\n")
    let directives = Directives(text)
    var faults = faults.take(account: nil, call: .openAIChat)
    faults.merge(directives.faults)
    if let mistake = directives.mistake { return send(Self.openAIError(mistake), exchange) }
    let model = root["model"]?.string ?? Model.catalogue[0].value
    let script: ChatScript
    switch directives.command {
    case .say(let count, let bytes): script = ChatScript(numbered: count, bytes: bytes)
    case .echo(let text): script = ChatScript([text], pieceBytes: behaviour.pieceBytes)
    case .memory, .recall, .images, .think, nil:
      script = .usual(text, prompt: nil, reasons: false, pieces: behaviour.pieces, pieceBytes: behaviour.pieceBytes)
    }
    let id = sessions.takeRecordID()
    let includesUsage = root["stream_options"]?["include_usage"]?.bool ?? false
    let job = Job(
      recordID: id, userText: text, model: model, usage: Usage(prompt: (text.utf8.count + 3) / 4), faults: faults,
      script: script,
      writer: .openAI(id: id, created: Clock.unixSeconds(), model: model, includesUsage: includesUsage), pace: pace(directives))
    stats.began(nil)
    if root["stream"]?.bool ?? false { return CompletionStream(self, exchange, job).start() }
    let answer = Self.whole(job)
    completionEnded(job, .finished, nil)
    send(answer, exchange)
  }

  private static func whole(_ job: Job) -> Answer {
    var script = job.script
    let text = ByteBuffer()
    while script.next(into: text) {}
    var usage = job.usage
    usage.completion = script.piecesMade
    return .json { json in
      json.beginObject()
      json.member("id", "chatcmpl-\(job.recordID)")
      json.member("object", "chat.completion")
      json.member("created", Clock.unixSeconds())
      json.member("model", job.model)
      json.key("choices")
      json.beginArray()
      json.beginObject()
      json.member("index", 0)
      json.key("message")
      json.beginObject()
      json.member("role", "assistant")
      json.key("content")
      json.string(text.bytes)
      json.endObject()
      json.member("finish_reason", "stop")
      json.endObject()
      json.endArray()
      json.member("usage", raw: usage.openAI)
      json.endObject()
    }
  }

  private static func openAIError(_ message: String) -> Answer {
    .json(status: 400) { json in
      json.beginObject()
      json.key("error")
      json.beginObject()
      json.member("message", message)
      json.member("type", "invalid_request_error")
      json.key("param")
      json.null()
      json.key("code")
      json.null()
      json.endObject()
      json.endObject()
    }
  }
}

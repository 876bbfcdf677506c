import HTTPServer
import Wire

/// `POST /api/chat/completions`: checks a message and begins its stream.
extension Simulator {
  func complete(_ exchange: HTTPServerExchange, _ body: ByteBuffer, _ account: Int, _ faults: Faults) {
    let request: CompletionRequest
    do {
      request = try CompletionRequest(body.bytes)
    } catch { return send(.failure(400, error.message), exchange) }
    let session: Session
    do {
      session = try sessions.begin(request.sessionID, of: account)
      stats.mostPerSession = max(stats.mostPerSession, 1)
    } catch {
      if error == .busy {
        stats.busyRefusals += 1
        stats.mostPerSession = max(stats.mostPerSession, 2)
      }
      return send(Self.refusal(error), exchange)
    }
    switch job(request, session, account, faults) {
    case .success(let job):
      stats.began(account)
      CompletionStream(self, exchange, job).start()
    case .failure(let refusal):
      sessions.end(session.id, remembering: nil, now: Clock.unixSeconds())
      send(.failure(refusal.code, refusal.message), exchange)
    }
  }

  private struct Refusal: Error {
    let code: Int
    let message: String
  }

  private func job(_ request: CompletionRequest, _ session: Session, _ account: Int, _ ruled: Faults) -> Result<Job, Refusal> {
    guard let model = Model.named(session.settings.model) else {
      return .failure(Refusal(code: 404, message: "模型不存在: \(session.settings.model)"))
    }
    guard request.files.isEmpty || model.takesImages else { return .failure(Refusal(code: 400, message: "当前模型不支持图片输入")) }
    let directives = Directives(request.text)
    if let mistake = directives.mistake { return .failure(Refusal(code: 400, message: mistake)) }
    var faults = ruled
    faults.merge(directives.faults)
    guard faults.substitute != nil || accounts.charge(account, model.cost) else {
      return .failure(Refusal(code: 402, message: "积分不足"))
    }
    let seen = session.visibleRounds.reduce(0) { $0 + $1.userText.utf8.count + $1.aiText.utf8.count }
    var usage = Usage()
    usage.context = (seen + 3) / 4
    usage.prompt = usage.context + (session.settings.prompt.utf8.count + request.text.utf8.count + 3) / 4 + 85 * request.files.count
    usage.deducted = model.cost
    var job = Job(
      account: account, session: session.id, recordID: sessions.takeRecordID(), userText: request.text, files: request.files,
      model: model.value, usage: usage, faults: faults, script: script(request, directives, session, model),
      writer: EventWriter(.xstech, faults.style), pace: pace(directives))
    if directives.command == nil || directives.command == .think { job.script.tighten(to: session.settings.maxToken) }
    return .success(job)
  }

  func pace(_ directives: Directives) -> Job.Pace {
    Job.Pace(
      first: UInt64(behaviour.firstMilliseconds * 1000),
      interval: directives.pace.map { UInt64($0) * 1000 } ?? UInt64(behaviour.intervalMilliseconds * 1000),
      batch: directives.batch)
  }

  private func script(_ request: CompletionRequest, _ directives: Directives, _ session: Session, _ model: Model) -> ChatScript {
    let pieceBytes = behaviour.pieceBytes
    let reasons = model.reasons || behaviour.reasoning || request.thinking || directives.command == .think
    switch directives.command {
    case .memory: return ChatScript([memory(request, session)], pieceBytes: pieceBytes)
    case .recall:
      let texts = session.visibleRounds.map(\.userText).joined(separator: "\n")
      return ChatScript([texts.isEmpty ? "（什么都不记得）" : texts], pieceBytes: pieceBytes)
    case .echo(let text): return ChatScript([text], pieceBytes: pieceBytes)
    case .say(let count, let bytes): return ChatScript(numbered: count, bytes: bytes)
    case .images: return images(request, reasons)
    case nil where !request.files.isEmpty: return images(request, reasons)
    case .think, nil:
      return .usual(
        request.text, prompt: behaviour.promptEcho ? session.settings.prompt : nil, reasons: reasons, pieces: behaviour.pieces,
        pieceBytes: pieceBytes)
    }
  }

  private func images(_ request: CompletionRequest, _ reasons: Bool) -> ChatScript {
    let lines = request.files.enumerated().map { "\($0 + 1). \($1.name) \($1.type) \($1.bytes) 字节\n" }
    let thoughts = reasons ? ChatScript.thoughts("\(request.files.count) 个文件") : []
    return ChatScript(thoughts + ["收到 \(request.files.count) 个文件：\n"] + lines, pieceBytes: behaviour.pieceBytes)
  }

  /// What the model is shown, as JSON.
  private func memory(_ request: CompletionRequest, _ session: Session) -> String {
    var json = JSONWriter(ByteBuffer())
    let settings = session.settings
    json.beginObject()
    json.member("session", session.id)
    json.member("account", accounts.all[session.account].name)
    json.member("prompt", settings.prompt)
    json.member("model", settings.model)
    json.member("temperature", settings.temperature)
    json.member("presencePenalty", settings.presencePenalty)
    json.member("frequencyPenalty", settings.frequencyPenalty)
    json.member("maxToken", settings.maxToken)
    json.member("contextCount", settings.contextCount)
    json.key("rounds")
    json.beginArray()
    for round in session.visibleRounds {
      json.beginObject()
      json.member("user", round.userText)
      json.member("assistant", round.aiText)
      json.member("files", round.files)
      json.endObject()
    }
    json.endArray()
    json.member("text", request.text)
    json.key("files")
    json.beginArray()
    for file in request.files {
      json.beginObject()
      json.member("name", file.name)
      json.member("type", file.type)
      json.member("bytes", file.bytes)
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return json.buffer.text
  }
}

extension ChatScript {
  /// Ends after `pieces` pieces, unless it ends before that; 0 changes nothing.
  mutating func tighten(to pieces: Int) {
    guard pieces > 0 else { return }
    limit = limit == 0 ? pieces : min(limit, pieces)
  }
}

import Wire

extension JSONWriter {
  mutating func member(_ name: StaticString, _ value: Int) {
    key(name)
    int(value)
  }

  mutating func member(_ name: StaticString, _ value: String) {
    key(name)
    string(value)
  }

  /// Whole numbers without a fraction, as the service writes them.
  mutating func member(_ name: StaticString, _ value: Double) {
    key(name)
    if let whole = Int(exactly: value) { int(whole) } else { double(value) }
  }

  mutating func member(_ name: StaticString, _ value: Bool) {
    key(name)
    bool(value)
  }

  mutating func member(_ name: StaticString, raw json: String) {
    key(name)
    var json = json
    json.withUTF8 { raw(UnsafeRawBufferPointer($0)) }
  }

  /// A session object as the service shows it.
  mutating func session(_ session: Session, uid: Int) {
    beginObject()
    sessionMembers(session, uid: uid)
    endObject()
  }

  private mutating func sessionMembers(_ session: Session, uid: Int) {
    let settings = session.settings
    member("id", session.id)
    member("created", Clock.text(session.created))
    member("updated", Clock.text(session.updated))
    member("uid", uid)
    member("name", settings.name)
    member("model", settings.model)
    member("maxToken", settings.maxToken)
    member("contextCount", settings.contextCount)
    member("temperature", settings.temperature)
    member("presencePenalty", settings.presencePenalty)
    member("frequencyPenalty", settings.frequencyPenalty)
    member("prompt", settings.prompt)
    member("topSort", settings.topSort)
    member("icon", settings.icon)
    member("plugins", raw: settings.plugins)
    member("mcp", raw: settings.mcp)
    member("webSearch", settings.webSearch)
    member("localPlugins", raw: settings.localPlugins)
    member("useAppId", settings.useAppID)
  }

  /// A record of the history; also what the object event of a completion carries.
  mutating func record(_ record: Record, session: Int) {
    beginObject()
    member("id", record.id)
    member("created", Clock.text(record.created))
    member("sessionId", session)
    member("type", record.kind == .chat ? "chat" : "context_clear")
    member("userText", record.userText)
    member("aiText", record.aiText)
    member("model", Model.named(record.model)?.label ?? record.model)
    member("promptTokens", record.usage.prompt)
    member("completionTokens", record.usage.completion)
    member("contextTokens", record.usage.context)
    member("useTokens", record.usage.total)
    member("deductCount", record.usage.deducted)
    endObject()
  }

  /// The simulator's own view of a session: the object, and what it remembers.
  mutating func sessionDump(_ session: Session, account: String, uid: Int) {
    beginObject()
    member("account", account)
    member("busy", session.isBusy)
    member("mostAttempted", session.mostAttempted)
    sessionMembers(session, uid: uid)
    key("records")
    beginArray()
    for record in session.records { self.record(record, session: session.id) }
    endArray()
    endObject()
  }

  /// One page of a list in the service's form: `records` newest first.
  mutating func page<Item>(_ items: [Item], number: Int, size: Int, _ write: (inout JSONWriter, Item) -> Void) {
    beginObject()
    member("page", number)
    member("size", size)
    member("total", items.count)
    member("pages", (items.count + size - 1) / size)
    key("records")
    beginArray()
    for item in items.dropFirst((number - 1) * size).prefix(size) { write(&self, item) }
    endArray()
    endObject()
  }
}

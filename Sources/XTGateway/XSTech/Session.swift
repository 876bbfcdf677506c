import Wire

/// What a session shows the model beside the conversation itself.
package struct SessionSettings: Equatable, Sendable {
  package var model: String
  /// The system prompt.
  package var prompt: String
  /// 0 to 1.
  package var temperature: Double
  /// -2 to 2.
  package var presencePenalty: Double
  /// -2 to 2.
  package var frequencyPenalty: Double
  /// 0: the model's own limit.
  package var maxToken: Int
  /// How many earlier rounds the model is shown, 0 to 65.
  package var contextCount: Int

  package static let largestContextCount = 65

  package init(
    model: String, prompt: String = "", temperature: Double = 0, presencePenalty: Double = 0, frequencyPenalty: Double = 0,
    maxToken: Int = 0, contextCount: Int = 20
  ) {
    (self.model, self.prompt, self.temperature) = (model, prompt, temperature)
    (self.presencePenalty, self.frequencyPenalty) = (presencePenalty, frequencyPenalty)
    (self.maxToken, self.contextCount) = (maxToken, contextCount)
  }
}

/// A session as the upstream made it: its number, its settings, and the object as it came, since an update has to send all of it back.
package struct Session: Sendable {
  package let id: Int
  /// As made; a parameter that a request leaves out means this value.
  package let defaults: SessionSettings
  /// When it was changed last, by the upstream's clock: `2026-06-04 10:20:23`, without a zone.
  package let updated: String
  /// The object's bytes, unknown members included.
  let object: [UInt8]

  package init?(_ value: JSONValue) {
    guard value.kind == .object, let id = value["id"]?.int, id > 0 else { return nil }
    self.id = id
    defaults = SessionSettings(
      model: value["model"]?.string ?? "", prompt: value["prompt"]?.string ?? "", temperature: value["temperature"]?.double ?? 0,
      presencePenalty: value["presencePenalty"]?.double ?? 0, frequencyPenalty: value["frequencyPenalty"]?.double ?? 0,
      maxToken: value["maxToken"]?.int ?? 0, contextCount: value["contextCount"]?.int ?? 20)
    updated = value["updated"]?.string ?? ""
    object = Array(value.raw)
  }

  /// The body of an update: the whole object with `settings` (and `name`, if given) in place of what it held.
  package func updateBody(_ settings: SessionSettings, name: String? = nil) -> ByteBuffer {
    let body = ByteBuffer()
    var writer = JSONWriter(body)
    writer.beginObject()
    object.withUnsafeBytes { bytes in
      // The bytes were valid when the session was made; without them the update still holds everything we know.
      guard let document = try? JSONDocument(parsing: bytes) else { return }
      for (key, value) in document.root.members {
        guard !Self.replaced.contains(where: key.isString), !(name != nil && key.isString("name")) else { continue }
        writer.key(raw: key.raw)
        writer.raw(value.raw)
      }
    }
    if let name {
      writer.key("name")
      writer.string(name)
    }
    settings.write(to: &writer)
    writer.endObject()
    return body
  }

  private static let replaced: [StaticString] = [
    "model", "prompt", "temperature", "presencePenalty", "frequencyPenalty", "maxToken", "contextCount",
  ]
}

extension SessionSettings {
  fileprivate func write(to writer: inout JSONWriter) {
    writer.key("model")
    writer.string(model)
    writer.key("prompt")
    writer.string(prompt)
    writer.key("temperature")
    writer.double(temperature)
    writer.key("presencePenalty")
    writer.double(presencePenalty)
    writer.key("frequencyPenalty")
    writer.double(frequencyPenalty)
    writer.key("maxToken")
    writer.int(maxToken)
    writer.key("contextCount")
    writer.int(contextCount)
  }
}

/// One page of `GET /api/chat/session`.
package struct SessionPage {
  package struct Entry {
    package var id: Int
    package var name: String
    package var updated: String
  }
  package let pages: Int
  package let records: [Entry]

  package init?(_ data: JSONValue) {
    guard let list = data["records"], list.kind == .array else { return nil }
    pages = data["pages"]?.int ?? 1
    records = list.elements.compactMap { entry in
      guard let id = entry["id"]?.int, id > 0 else { return nil }
      return Entry(id: id, name: entry["name"]?.string ?? "", updated: entry["updated"]?.string ?? "")
    }
  }
}

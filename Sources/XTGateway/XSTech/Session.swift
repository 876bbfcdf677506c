import Wire

/// What a session shows the model beside the conversation itself.
public struct SessionSettings: Equatable, Sendable {
  public var model: String
  /// The system prompt.
  public var prompt: String
  /// 0 to 1.
  public var temperature: Double
  /// -2 to 2.
  public var presencePenalty: Double
  /// -2 to 2.
  public var frequencyPenalty: Double
  /// 0: the model's own limit.
  public var maxToken: Int
  /// How many earlier rounds the model is shown, 0 to 65.
  public var contextCount: Int

  public static let largestContextCount = 65
  /// The upstream's own.
  public static let defaultContextCount = 20

  public init(
    model: String, prompt: String = "", temperature: Double = 0, presencePenalty: Double = 0, frequencyPenalty: Double = 0,
    maxToken: Int = 0, contextCount: Int = defaultContextCount
  ) {
    (self.model, self.prompt, self.temperature) = (model, prompt, temperature)
    (self.presencePenalty, self.frequencyPenalty) = (presencePenalty, frequencyPenalty)
    (self.maxToken, self.contextCount) = (maxToken, contextCount)
  }

  public func isEqualButForPrompt(_ other: SessionSettings) -> Bool {
    temperature == other.temperature && presencePenalty == other.presencePenalty && frequencyPenalty == other.frequencyPenalty
      && maxToken == other.maxToken && contextCount == other.contextCount && model == other.model
  }
}

/// A session as the upstream made it: its number, its settings, and what else an update has to send back, since that replaces the whole
/// object.
public final class Session: Sendable {
  public let id: Int
  /// As made; a parameter that a request leaves out means this value.
  public let defaults: SessionSettings
  /// When it was changed last, by the upstream's clock: `2026-06-04 10:20:23`, without a zone.
  public let updated: String
  /// The members that no update changes, unknown ones included, each as it came and with a comma behind it.
  private let rest: [UInt8]

  public init?(_ value: JSONValue) {
    guard value.kind == .object else { return nil }
    var id: Int?
    var (defaults, updated) = (SessionSettings(model: ""), "")
    // Never longer than the object: its braces are as much as the one comma more.
    let rest = withUnsafeTemporaryAllocation(byteCount: value.raw.count, alignment: 1) { memory -> [UInt8] in
      var length = 0
      func append(_ bytes: UnsafeRawBufferPointer, _ end: UInt8) {
        UnsafeMutableRawBufferPointer(rebasing: memory[length..<(length + bytes.count)]).copyMemory(from: bytes)
        memory[length + bytes.count] = end
        length += bytes.count + 1
      }
      value.forEachMember { name, key, value in
        switch name.count {
        case 2 where name.starts(withText: "id"): id = value.int
        case 7 where name.starts(withText: "updated"): updated = value.string ?? ""
        case 4 where name.starts(withText: "name"): return
        default: if defaults.set(name, to: value) { return }
        }
        append(key, UInt8(ascii: ":"))
        append(value.raw, UInt8(ascii: ","))
      }
      return Array(memory[..<length])
    }
    guard let id, id > 0 else { return nil }
    (self.id, self.defaults, self.updated, self.rest) = (id, defaults, updated, rest)
  }

  /// The body of an update: the whole object with `settings` and `name` in place of what it held.
  public func updateBody(_ settings: SessionSettings, name: String) -> ByteBuffer {
    let body = ByteBuffer(capacity: rest.count + settings.model.utf8.count + settings.prompt.utf8.count + 256)
    body.append(UInt8(ascii: "{"))
    body.append(rest)
    var writer = JSONWriter(body)
    writer.key("name")
    writer.string(name)
    settings.write(to: &writer)
    writer.endObject()
    return body
  }
}

extension SessionSettings {
  /// Returns whether `name` is a setting. A value of another kind means the upstream's default.
  fileprivate mutating func set(_ name: UnsafeRawBufferPointer, to value: JSONValue) -> Bool {
    // Their lengths tell them apart.
    switch name.count {
    case 5 where name.starts(withText: "model"): model = value.string ?? ""
    case 6 where name.starts(withText: "prompt"): prompt = value.string ?? ""
    case 8 where name.starts(withText: "maxToken"): maxToken = value.int ?? 0
    case 11 where name.starts(withText: "temperature"): temperature = value.double ?? 0
    case 12 where name.starts(withText: "contextCount"): contextCount = value.int ?? Self.defaultContextCount
    case 15 where name.starts(withText: "presencePenalty"): presencePenalty = value.double ?? 0
    case 16 where name.starts(withText: "frequencyPenalty"): frequencyPenalty = value.double ?? 0
    default: return false
    }
    return true
  }

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
public struct SessionPage {
  public struct Entry {
    public var id: Int
    public var name: String
    public var updated: String
  }
  public let pages: Int
  public let records: [Entry]

  public init?(_ data: JSONValue) {
    guard let list = data["records"], list.kind == .array else { return nil }
    pages = data["pages"]?.int ?? 1
    records = list.elements.compactMap { entry in
      guard let id = entry["id"]?.int, id > 0 else { return nil }
      return Entry(id: id, name: entry["name"]?.string ?? "", updated: entry["updated"]?.string ?? "")
    }
  }
}

import Wire

/// What a client sets of a session. Every `PUT` replaces all of it: what it leaves out is back at these defaults.
struct SessionSettings {
  var name = "新对话"
  var model = Model.catalogue[0].value
  var maxToken = 0
  var contextCount = 20
  var temperature = 0.0
  var presencePenalty = 0.0
  var frequencyPenalty = 0.0
  var prompt = ""
  var topSort = 0
  var icon = ""
  /// JSON as it came, as are the next two.
  var plugins = "[]"
  var mcp = "[]"
  var localPlugins = "null"
  var webSearch = false
  var useAppID = 0

  struct Invalid: Error { let field: StaticString }

  init() {}

  /// Reads a session object; unknown fields are ignored, wrong types and values out of range are not.
  init(_ object: JSONValue) throws(Invalid) {
    guard object.kind == .object else { throw Invalid(field: "body") }
    name = try Self.text(object, "name") ?? name
    model = try Self.text(object, "model") ?? model
    maxToken = try Self.number(object, "maxToken", 0...10_000_000).map { Int($0) } ?? maxToken
    contextCount = try Self.number(object, "contextCount", 0...65).map { Int($0) } ?? contextCount
    temperature = try Self.number(object, "temperature", 0...1) ?? temperature
    presencePenalty = try Self.number(object, "presencePenalty", -2...2) ?? presencePenalty
    frequencyPenalty = try Self.number(object, "frequencyPenalty", -2...2) ?? frequencyPenalty
    prompt = try Self.text(object, "prompt") ?? prompt
    topSort = try Self.number(object, "topSort", 0...1_000_000).map { Int($0) } ?? topSort
    icon = try Self.text(object, "icon") ?? icon
    plugins = try Self.list(object, "plugins") ?? plugins
    mcp = try Self.list(object, "mcp") ?? mcp
    localPlugins = object["localPlugins"].map { String(decoding: $0.raw, as: UTF8.self) } ?? localPlugins
    if let value = object["webSearch"] {
      guard let flag = value.bool else { throw Invalid(field: "webSearch") }
      webSearch = flag
    }
    useAppID = try Self.number(object, "useAppId", 0...1e15).map { Int($0) } ?? useAppID
  }

  private static func text(_ object: JSONValue, _ field: StaticString) throws(Invalid) -> String? {
    guard let value = object[field] else { return nil }
    guard let text = value.string else { throw Invalid(field: field) }
    return text
  }

  private static func number(_ object: JSONValue, _ field: StaticString, _ range: ClosedRange<Double>) throws(Invalid) -> Double? {
    guard let value = object[field] else { return nil }
    guard let number = value.double, range.contains(number) else { throw Invalid(field: field) }
    return number
  }

  private static func list(_ object: JSONValue, _ field: StaticString) throws(Invalid) -> String? {
    guard let value = object[field], value.kind != .null else { return nil }
    guard value.kind == .array else { throw Invalid(field: field) }
    return String(decoding: value.raw, as: UTF8.self)
  }
}

/// One round of a conversation, or the mark of a cleared context.
struct Record {
  enum Kind { case chat, contextClear }
  let id: Int
  let created: Int
  var kind = Kind.chat
  var userText = ""
  var aiText = ""
  var model = ""
  var files = 0
  var usage = Usage()
}

struct Usage: Equatable {
  var prompt = 0
  var context = 0
  var completion = 0
  var total: Int { prompt + completion }
  /// Credits taken.
  var deducted = 0
}

struct Session {
  let id: Int
  /// Index of its account.
  let account: Int
  let created: Int
  var updated: Int
  var settings: SessionSettings
  var records: [Record] = []
  /// A completion is running.
  var isBusy = false
  /// The most completions that clients tried to run at the same time.
  var mostAttempted = 0

  /// What the model is shown of the conversation: the last `contextCount` rounds since the context was cleared.
  var visibleRounds: ArraySlice<Record> {
    let begin = records.lastIndex { $0.kind == .contextClear }.map { $0 + 1 } ?? 0
    return records[begin...].suffix(settings.contextCount)
  }
}

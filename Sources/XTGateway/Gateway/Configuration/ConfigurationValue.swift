import Wire

/// What is wrong with a value, in words that follow the key's name: "must be an integer".
struct ValueMistake: Error {
  let reason: String
}

/// A type that a key can have.
protocol ConfigurationValue: Sendable {
  /// For the documentation.
  static var typeName: String { get }
  /// Whether an environment variable's text is the value itself and no JSON.
  static var isPlainText: Bool { get }
  init(json: JSONValue) throws(ValueMistake)
  /// Secrets are masked.
  func write(to writer: inout JSONWriter)
}

extension ConfigurationValue {
  static var isPlainText: Bool { false }
}

extension Int: ConfigurationValue {
  static var typeName: String { "integer" }
  init(json: JSONValue) throws(ValueMistake) {
    guard json.kind == .number, let value = json.int else { throw ValueMistake(reason: "must be an integer") }
    self = value
  }
  func write(to writer: inout JSONWriter) { writer.int(self) }
}

extension Bool: ConfigurationValue {
  static var typeName: String { "boolean" }
  init(json: JSONValue) throws(ValueMistake) {
    guard let value = json.bool else { throw ValueMistake(reason: "must be true or false") }
    self = value
  }
  func write(to writer: inout JSONWriter) { writer.bool(self) }
}

extension String: ConfigurationValue {
  static var typeName: String { "string" }
  static var isPlainText: Bool { true }
  init(json: JSONValue) throws(ValueMistake) {
    guard let value = json.string else { throw ValueMistake(reason: "must be a string") }
    self = value
  }
  func write(to writer: inout JSONWriter) { writer.string(self) }
}

/// One of a few words.
protocol ConfigurationWord: ConfigurationValue, CaseIterable, RawRepresentable where RawValue == String {
  static func spelling(of text: String) -> String
}

extension ConfigurationWord {
  static var typeName: String { allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ") }
  static var isPlainText: Bool { true }
  static func spelling(of text: String) -> String { text }
  init(json: JSONValue) throws(ValueMistake) {
    guard let text = json.string, let value = Self(rawValue: Self.spelling(of: text)) else {
      throw ValueMistake(reason: "must be one of \(Self.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", "))")
    }
    self = value
  }
  func write(to writer: inout JSONWriter) { writer.string(rawValue) }
}

extension Configuration.Upstream.HTTPVersion: ConfigurationWord {}
extension Configuration.LogFormat: ConfigurationWord {}
extension Configuration.LogLevel: ConfigurationWord {
  /// The seed's spelling: `INFO`, `WARN`.
  static func spelling(of text: String) -> String {
    let word = text.lowercased()
    return word == "warn" ? "warning" : word
  }
}

extension Array: ConfigurationValue where Element: ConfigurationListElement {
  static var typeName: String { "list" }
  init(json: JSONValue) throws(ValueMistake) {
    guard json.kind == .array else { throw ValueMistake(reason: "must be a list") }
    self = []
    for (index, element) in json.elements.enumerated() {
      do { append(try Element(element: element, index: index)) } catch {
        throw ValueMistake(reason: "[\(index)]\(error.reason.hasPrefix(".") ? "" : " ")\(error.reason)")
      }
    }
  }
  func write(to writer: inout JSONWriter) {
    writer.beginArray()
    for element in self { element.write(to: &writer) }
    writer.endArray()
  }
}

protocol ConfigurationListElement: Sendable {
  init(element: JSONValue, index: Int) throws(ValueMistake)
  func write(to writer: inout JSONWriter)
}

extension String: ConfigurationListElement {
  init(element: JSONValue, index: Int) throws(ValueMistake) { self = try String(json: element) }
}

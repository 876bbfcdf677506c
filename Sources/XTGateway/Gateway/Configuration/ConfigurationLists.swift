import Wire

/// Secrets show their beginning only where enough remains hidden.
public func masked(_ secret: String) -> String {
  secret.utf8.count >= 16 ? "\(secret.prefix(4))…" : "…"
}

extension Configuration {
  /// What must appear nowhere.
  var secrets: [String] {
    let tokens = cookies.flatMap {
      [$0.authorization, String($0.authorization.split(separator: " ").last ?? ""), $0.login?.password ?? ""]
    }
    return (tokens + apiKeys.map(\.key) + [adminKey, metrics.key]).filter { !$0.isEmpty }
  }
}

/// Reads an object's members one by one and refuses those that nobody asked for.
private struct Members {
  private let object: JSONValue

  init(_ object: JSONValue, known: [String]) throws(ValueMistake) {
    guard object.kind == .object else { throw ValueMistake(reason: "must be an object") }
    self.object = object
    for (key, _) in object.members {
      let name = key.string ?? ""
      guard !known.contains(name) else { continue }
      throw ValueMistake(reason: "has an unknown member \"\(name)\"\(suggestion(for: name, among: known))")
    }
  }

  func value<T: ConfigurationValue>(_ name: StaticString, as type: T.Type = T.self) throws(ValueMistake) -> T? {
    guard let value = object[name], value.kind != .null else { return nil }
    do { return try T(json: value) } catch { throw ValueMistake(reason: ".\(name) \(error.reason)") }
  }

  func integer(_ name: StaticString, in range: ClosedRange<Int>) throws(ValueMistake) -> Int? {
    guard let value = try value(name, as: Int.self) else { return nil }
    guard range.contains(value) else {
      throw ValueMistake(reason: ".\(name) must be between \(range.lowerBound) and \(range.upperBound)")
    }
    return value
  }
}

extension Configuration.Cookie: ConfigurationListElement {
  init(element: JSONValue, index: Int) throws(ValueMistake) {
    let members = try Members(
      element, known: ["name", "authorization", "account", "password", "max_concurrency", "weight", "enabled"])
    let authorization: String = try members.value("authorization") ?? ""
    let login = try Self.login(members, hasToken: !authorization.isEmpty)
    guard authorization.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
      throw ValueMistake(reason: ".authorization holds characters that cannot stand in a header")
    }
    let name: String = try members.value("name") ?? "cookie-\(index + 1)"
    guard !name.isEmpty else { throw ValueMistake(reason: ".name must not be empty") }
    self.init(
      name: name, authorization: authorization, login: login,
      maxConcurrency: try members.integer("max_concurrency", in: 1...1_000_000),
      weight: try members.integer("weight", in: 1...1_000_000) ?? 1, enabled: try members.value("enabled") ?? true)
  }

  private static func login(_ members: Members, hasToken: Bool) throws(ValueMistake) -> Configuration.Login? {
    let account: String = try members.value("account") ?? ""
    let password: String = try members.value("password") ?? ""
    if account.isEmpty && password.isEmpty {
      guard hasToken else {
        throw ValueMistake(reason: "needs \"authorization\" (the account's token), or \"account\" and \"password\"")
      }
      return nil
    }
    guard !hasToken else { throw ValueMistake(reason: "has both a token and a password: one of them is enough") }
    guard !account.isEmpty, !password.isEmpty else { throw ValueMistake(reason: "needs \"account\" and \"password\" together") }
    return Configuration.Login(account: account, password: password)
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.key("name")
    writer.string(name)
    if let login {
      writer.key("account")
      writer.string(login.account)
      writer.key("password")
      writer.string("…")
    } else {
      writer.key("authorization")
      writer.string(masked(authorization))
    }
    if let maxConcurrency {
      writer.key("max_concurrency")
      writer.int(maxConcurrency)
    }
    writer.key("weight")
    writer.int(weight)
    writer.key("enabled")
    writer.bool(enabled)
    writer.endObject()
  }
}

extension Configuration.APIKey: ConfigurationListElement {
  /// A string, or `{"key":…,"name":…}`.
  init(element: JSONValue, index: Int) throws(ValueMistake) {
    let fallback = "key-\(index + 1)"
    if let text = element.string {
      self.init(key: text, name: fallback)
    } else {
      let members = try Members(element, known: ["key", "name", "max_concurrency", "requests_per_minute"])
      self.init(
        key: try members.value("key") ?? "", name: try members.value("name") ?? fallback,
        maxConcurrency: try members.integer("max_concurrency", in: 0...1_000_000) ?? 0,
        requestsPerMinute: try members.integer("requests_per_minute", in: 0...1_000_000) ?? 0)
    }
    guard !key.isEmpty else { throw ValueMistake(reason: "needs a key that is not empty") }
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.key("name")
    writer.string(name)
    writer.key("key")
    writer.string(masked(key))
    writer.key("max_concurrency")
    writer.int(maxConcurrency)
    writer.key("requests_per_minute")
    writer.int(requestsPerMinute)
    writer.endObject()
  }
}

extension Configuration.ErrorPattern: ConfigurationListElement {
  private static let blames = ["request", "model", "account", "upstream"]

  init(element: JSONValue, index: Int) throws(ValueMistake) {
    let members = try Members(element, known: ["match", "blame", "reason"])
    self.init(
      match: try members.value("match") ?? "", blame: try members.value("blame") ?? "", reason: try members.value("reason") ?? "")
    guard FailureClassifier.isValid(match) else {
      throw ValueMistake(reason: ".match must be a text, or a regular expression between slashes")
    }
    guard Self.blames.contains(blame) else {
      throw ValueMistake(reason: ".blame must be one of \(Self.blames.joined(separator: ", "))")
    }
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.key("match")
    writer.string(match)
    writer.key("blame")
    writer.string(blame)
    writer.key("reason")
    writer.string(reason)
    writer.endObject()
  }
}

extension IPNetwork: ConfigurationListElement {
  init(element: JSONValue, index: Int) throws(ValueMistake) {
    guard let text = element.string else { throw ValueMistake(reason: "must be a string") }
    guard let network = IPNetwork(text) else {
      throw ValueMistake(reason: "must be an IP address or a network (\"10.0.0.0/8\"), but it is \"\(text)\"")
    }
    self = network
  }

  func write(to writer: inout JSONWriter) { writer.string(description) }
}

/// `models.aliases`: an object, name → value or list of values.
struct Aliases: ConfigurationValue {
  static var typeName: String { "object" }
  var list: [Configuration.Models.Alias]

  init(list: [Configuration.Models.Alias]) { self.list = list }

  init(json: JSONValue) throws(ValueMistake) {
    guard json.kind == .object else { throw ValueMistake(reason: "must be an object") }
    list = []
    for (key, value) in json.members {
      let name = key.string ?? ""
      let values = value.string.map { [$0] } ?? value.elements.compactMap(\.string)
      guard !name.isEmpty, !values.isEmpty, value.kind == .string || values.count == value.count else {
        throw ValueMistake(reason: ".\(name) must be a model's value, or a list of such values")
      }
      list.removeAll { $0.name == name }
      list.append(.init(name: name, values: values))
    }
    list.sort { $0.name < $1.name }
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    for alias in list {
      writer.key(alias.name)
      alias.values.write(to: &writer)
    }
    writer.endObject()
  }
}

extension Configuration.Models {
  var aliasTable: Aliases {
    get { Aliases(list: aliases) }
    set { aliases = newValue.list }
  }
}

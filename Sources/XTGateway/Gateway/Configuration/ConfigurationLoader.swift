import Wire
import XSTech

/// Every mistake of a configuration, each in one line that says what to do.
public struct ConfigurationErrors: Error, Sendable {
  public let mistakes: [String]
}

/// Puts a configuration together: defaults, then the file, then the environment. All mistakes are found, not only the first.
public struct ConfigurationLoader {
  private var configuration = Configuration()
  private var mistakes: [String] = []

  /// - Parameters:
  ///   - file: the file's name for messages, and its bytes; nil where there is none.
  ///   - environment: every variable of the process.
  public static func load(
    file: (name: String, bytes: [UInt8])?, environment: [(name: String, value: String)]
  ) throws(ConfigurationErrors) -> Configuration {
    var loader = ConfigurationLoader()
    if let file { loader.readFile(file.name, file.bytes) }
    loader.configuration.fileHoldsSecrets = !loader.configuration.secrets.isEmpty
    loader.readEnvironment(environment)
    loader.checkWhole()
    guard loader.mistakes.isEmpty else { throw ConfigurationErrors(mistakes: loader.mistakes) }
    return loader.configuration
  }

  private mutating func readFile(_ name: String, _ bytes: [UInt8]) {
    bytes.withUnsafeBytes { bytes in
      let document: JSONDocument
      do throws(JSONError) { document = try JSONDocument(parsing: bytes) } catch {
        let line = bytes.prefix(error.offset).count { $0 == UInt8(ascii: "\n") } + 1
        mistakes.append("\(name): not valid JSON: \(error.reason) (line \(line))")
        return
      }
      guard document.root.kind == .object else {
        mistakes.append("\(name): must hold a JSON object")
        return
      }
      readObject(document.root, prefix: "", source: name)
    }
  }

  private mutating func readObject(_ object: JSONValue, prefix: String, source: String) {
    let names = ConfigurationTable.keys.map(\.name)
    for (member, value) in object.members {
      let name = prefix + (member.string ?? "")
      if let key = ConfigurationTable.keys.first(where: { $0.name == name }) {
        apply(key, value, source: source)
      } else if value.kind == .object, names.contains(where: { $0.hasPrefix(name + ".") }) {
        readObject(value, prefix: name + ".", source: source)
      } else if names.contains(where: { $0.hasPrefix(name + ".") }) {
        mistakes.append("\(source): \(name) must be an object")
      } else {
        mistakes.append("\(source): unknown key \"\(name)\"\(suggestion(for: name, among: names))")
      }
    }
  }

  private mutating func apply(_ key: ConfigurationKey, _ value: JSONValue, source: String) {
    do {
      try key.read(value, &configuration)
    } catch let mistake as ValueMistake {
      let separator = mistake.reason.hasPrefix(".") || mistake.reason.hasPrefix("[") ? "" : " "
      mistakes.append("\(source): \(key.name)\(separator)\(mistake.reason)")
    } catch {
      mistakes.append("\(source): \(key.name): \(error)")
    }
  }

  // MARK: Environment

  /// The names of the program this one replaces.
  private static let formerNames = [
    "API_HOST": "host", "API_PORT": "port", "LOG_LEVEL": "log.level", "SESSION_TIMEOUT_SECONDS": "sessions.idle_timeout_seconds",
    "CLEANUP_INTERVAL_SECONDS": "sessions.cleanup_interval_seconds", "XSTECH_COOKIES": "cookies",
  ]
  /// Not keys: where the configuration is, and where the tests' data is.
  private static let reserved: Set<String> = ["XTGATEWAY_CONFIG", "XTGATEWAY_CORPORA"]

  private mutating func readEnvironment(_ environment: [(name: String, value: String)]) {
    let names = ConfigurationTable.keys.map(\.environmentName)
    // The former names first, so that the newer ones win.
    for (name, value) in environment where !value.isEmpty {
      guard let former = Self.formerNames[name], let key = ConfigurationTable.keys.first(where: { $0.name == former }) else {
        continue
      }
      applyText(key, value, source: name)
    }
    for (name, value) in environment where name.hasPrefix("XTGATEWAY_") && !value.isEmpty && !Self.reserved.contains(name) {
      if let key = ConfigurationTable.keys.first(where: { $0.environmentName == name }) {
        applyText(key, value, source: name)
      } else {
        mistakes.append("environment: unknown variable \(name)\(suggestion(for: name, among: names))")
      }
    }
  }

  private mutating func applyText(_ key: ConfigurationKey, _ text: String, source: String) {
    let json = ByteBuffer()
    if key.isPlainText {
      var writer = JSONWriter(json)
      writer.string(text)
    } else {
      json.append(text)
    }
    do {
      var value = try JSONDocument(parsing: json.bytes).root
      if key.name == "cookies", value.kind == .object, let list = value["cookies"] { value = list }
      apply(key, value, source: source)
    } catch {
      mistakes.append("\(source): must be \(key.typeName == "integer" ? "an integer" : "JSON (\(key.typeName)): \(error)")")
    }
  }

  // MARK: What concerns several keys

  private mutating func checkWhole() {
    var names: Set<String> = []
    for cookie in configuration.cookies where !names.insert(cookie.name).inserted {
      mistakes.append("cookies: the name \"\(cookie.name)\" is used twice; names must be unique")
    }
    checkAccounts()
    if Set(configuration.apiKeys.map(\.key)).count < configuration.apiKeys.count {
      mistakes.append("api_keys: the same key is listed twice")
    }
    if !Self.isLoopback(configuration.host), configuration.apiKeys.isEmpty, !configuration.allowAnonymous {
      mistakes.append(
        "host: \"\(configuration.host)\" is reachable from outside, but there are no api_keys: set api_keys, or allow_anonymous to true"
      )
    }
    if configuration.upstream.httpVersion == .http2, configuration.upstream.baseURL.hasPrefix("http://") {
      mistakes.append("upstream.http_version: \"2\" needs an https:// upstream.base_url")
    }
  }

  /// Two entries for one account would be used twice as much as it allows.
  private mutating func checkAccounts() {
    var names: [String: String] = [:]
    for cookie in configuration.cookies {
      let user = cookie.authorization.isEmpty ? nil : AccountToken(cookie.authorization).userID
      let identity = cookie.login.map { "account \($0.account)" } ?? user.map { "user \($0)" } ?? "token \(cookie.authorization)"
      guard let other = names.updateValue(cookie.name, forKey: identity) else { continue }
      mistakes.append("cookies: \"\(other)\" and \"\(cookie.name)\" are the same account")
    }
  }

  static func isLoopback(_ host: String) -> Bool {
    host == "localhost" || host == "::1" || host == "[::1]"
      || (host.hasPrefix("127.") && host.allSatisfy { $0 == "." || $0.isNumber })
  }
}

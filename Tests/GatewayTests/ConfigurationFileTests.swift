import Testing

@testable import Gateway

/// `{"a":{"b":value}}` for the key `a.b`.
private func file(_ key: String, _ value: String) -> String {
  key.split(separator: ".").reversed().reduce(value) { "{\"\($1)\":\($0)}" }
}

/// The contract's defaults, as JSON.
private let defaults: [(key: String, value: String)] = [
  ("host", #""127.0.0.1""#), ("port", "8000"), ("cookies", "[]"), ("api_keys", "[]"), ("allow_anonymous", "false"),
  ("upstream.base_url", #""https://xstech.one""#), ("upstream.app_version", #""2.1.1""#), ("upstream.http_version", #""1.1""#),
  ("upstream.connect_timeout_ms", "10000"), ("upstream.first_byte_timeout_ms", "60000"), ("upstream.idle_timeout_ms", "120000"),
  ("upstream.total_timeout_ms", "600000"), ("upstream.max_idle_seconds", "30"), ("upstream.max_event_bytes", "16777216"),
  ("models.credits", #"["1积分"]"#), ("models.prefix", #""xstech-""#), ("models.aliases", "{}"), ("models.refresh_seconds", "3600"),
  ("stream.keep_alive_seconds", "10"), ("pool.max_concurrency", "8"), ("pool.queue_limit", "1024"),
  ("pool.queue_timeout_ms", "30000"),
  ("pool.retry_ambiguous", "false"), ("sessions.idle_timeout_seconds", "3600"), ("sessions.cleanup_interval_seconds", "300"),
  ("sessions.max", "100000"), ("limits.max_body_bytes", "33554432"), ("limits.max_header_bytes", "65536"),
  ("limits.max_headers", "128"),
  ("limits.max_url_bytes", "8192"), ("limits.max_connections", "20000"),
  ("limits.max_connections_per_address", "0"), ("limits.max_json_values", "500000"), ("limits.linger_timeout_ms", "5000"),
  ("limits.body_timeout_ms", "30000"), ("limits.body_min_bytes_per_second", "500"), ("limits.body_window_ms", "10000"),
  ("trusted_proxies", "[]"), ("limits.header_timeout_ms", "10000"),
  ("limits.keep_alive_timeout_ms", "75000"), ("limits.write_timeout_ms", "60000"), ("limits.max_json_depth", "64"),
  ("limits.max_messages", "4096"), ("limits.max_files", "8"), ("limits.max_image_bytes", "10485760"), ("log.level", #""info""#),
  ("log.format", #""text""#), ("shutdown_timeout_seconds", "30"),
]

@Suite("Configuration from a file") struct ConfigurationFileTests {
  @Test func nothingAtAllIsTheDefaults() throws {
    let table = Configuration.documentation
    for (key, value) in defaults {
      #expect(table.split(separator: "\n").contains { $0.hasPrefix("| `\(key)` |") && $0.contains("| `\(value)` |") }, "\(key)")
    }
    #expect(try load().text == load("{}").text)
  }

  @Test func everyKeyCanBeSetToItsDefault() throws {
    for key in ConfigurationTable.keys {
      let known = defaults.first { $0.key == key.name }
      guard let known else { continue }
      #expect(mistakes(file(key.name, known.value)).isEmpty, "\(key.name)")
    }
    for (key, _) in defaults { #expect(ConfigurationTable.keys.contains { $0.name == key }, "\(key)") }
  }

  @Test func everyKeyRefusesAnotherType() {
    for key in ConfigurationTable.keys {
      let found = mistakes(file(key.name, key.typeName == "boolean" ? "1" : "true"))
      #expect(found.count == 1, "\(key.name)")
      #expect(found.first?.hasPrefix("config.json: \(key.name) must be ") == true, "\(found)")
      // Empty lists and objects are of another kind too.
      #expect(mistakes(file(key.name, "null")).count == 1)
    }
  }

  @Test func numbersAreBounded() {
    #expect(mistakes(#"{"port":65536}"#) == ["config.json: port must be between 0 and 65535"])
    for value in ["-1", "1.5", #""8000""#, "1e99"] { #expect(mistakes(#"{"port":\#(value)}"#).count == 1, "\(value)") }
    #expect(mistakes(#"{"port":0}"#).isEmpty)
    for key in ConfigurationTable.keys where key.typeName == "integer" {
      #expect(mistakes(file(key.name, "-1")).count == 1, "\(key.name)")
      #expect(mistakes(file(key.name, "9223372036854775807")).count == 1, "\(key.name)")
    }
  }

  @Test func theSeedsFileIsValid() throws {
    let configuration = try load(#"{"cookies":[{"authorization":"eyJ.x.y"},{"authorization":"Bearer z"}]}"#)
    #expect(configuration.cookies.map(\.name) == ["cookie-1", "cookie-2"])
    #expect(configuration.cookies.map(\.authorization) == ["eyJ.x.y", "Bearer z"])
    #expect(configuration.cookies.allSatisfy { $0.enabled && $0.weight == 1 && $0.maxConcurrency == nil })
  }

  @Test func cookies() throws {
    let configuration = try load(
      #"{"cookies":[{"name":"main","authorization":"t","max_concurrency":3,"weight":2,"enabled":false},{"authorization":"u","name":null}]}"#
    )
    #expect(configuration.cookies.first == .init(name: "main", authorization: "t", maxConcurrency: 3, weight: 2, enabled: false))
    #expect(configuration.cookies.last?.name == "cookie-2")
  }

  @Test(arguments: [
    (#"[5]"#, "cookies[0] must be an object"), (#"[{}]"#, "cookies[0] needs \"authorization\""),
    (#"[{"authorization":""}]"#, "cookies[0] needs \"authorization\""),
    (#"[{"authorization":5}]"#, "cookies[0].authorization must be a string"),
    (#"[{"authorization":"a\n"}]"#, "cookies[0].authorization holds characters"),
    (#"[{"authorization":"é"}]"#, "cookies[0].authorization holds"),
    (#"[{"authorization":"t","weight":0}]"#, "cookies[0].weight must be between 1 and"),
    (#"[{"authorization":"t"},{"authorization":"u","max_concurrency":0}]"#, "cookies[1].max_concurrency must be between 1 and"),
    (#"[{"authorization":"t","weight":9223372036854775807}]"#, "cookies[0].weight must be between 1 and"),
    (#"[{"authorization":"t","enabled":"yes"}]"#, "cookies[0].enabled must be true or false"),
    (#"[{"authorization":"t","name":""}]"#, "cookies[0].name must not be empty"),
    (#"[{"authorisation":"t"}]"#, "cookies[0] has an unknown member \"authorisation\" (did you mean \"authorization\"?)"),
    (#"[{"authorization":"t","name":"a"},{"authorization":"u","name":"a"}]"#, "the name \"a\" is used twice"),
    (#"[{"authorization":"t"},{"authorization":"t","name":"b"}]"#, "\"cookie-1\" and \"b\" are the same account"),
    (#"{"a":1}"#, "cookies must be a list"),
  ]) func wrongCookies(_ value: String, _ expected: String) {
    let found = mistakes(#"{"cookies":\#(value)}"#)
    #expect(found.count == 1)
    #expect(found.first?.contains(expected) == true, "\(found)")
  }

  @Test func keysOfClients() throws {
    let configuration = try load(#"{"api_keys":["a",{"key":"b"},{"key":"c","name":"see"}]}"#)
    #expect(
      configuration.apiKeys == [.init(key: "a", name: "key-1"), .init(key: "b", name: "key-2"), .init(key: "c", name: "see")])
    #expect(mistakes(#"{"api_keys":[""]}"#) == ["config.json: api_keys[0] needs a key that is not empty"])
    #expect(mistakes(#"{"api_keys":["a",{"key":"a"}]}"#) == ["api_keys: the same key is listed twice"])
    #expect(mistakes(#"{"api_keys":["a",7]}"#) == ["config.json: api_keys[1] must be an object"])
  }

  @Test func aliases() throws {
    let configuration = try load(#"{"models":{"aliases":{"gpt":"a::b","best":["x","y"]}}}"#)
    #expect(configuration.models.aliases == [.init(name: "best", values: ["x", "y"]), .init(name: "gpt", values: ["a::b"])])
    for value in ["5", "[]", "[1]", #"["a",1]"#, "null", "{}"] {
      #expect(mistakes(#"{"models":{"aliases":{"n":\#(value)}}}"#).first?.contains("models.aliases.n must be") == true, "\(value)")
    }
  }

  @Test func unknownKeysNameTheNearest() {
    #expect(mistakes(#"{"prot":1}"#) == [#"config.json: unknown key "prot" (did you mean "port"?)"#])
    #expect(
      mistakes(#"{"pool":{"max_concurency":1}}"#) == [
        #"config.json: unknown key "pool.max_concurency" (did you mean "pool.max_concurrency"?)"#
      ])
    #expect(mistakes(#"{"zzzzzzzzzz":1}"#) == [#"config.json: unknown key "zzzzzzzzzz""#])
    #expect(mistakes(#"{"upstream":5}"#) == ["config.json: upstream must be an object"])
    #expect(mistakes(#"{"port":{"x":1}}"#) == ["config.json: port must be an integer"])
    #expect(mistakes(#"{"upstream":{}}"#).isEmpty)
  }

  @Test func everyMistakeIsNamed() {
    let found = mistakes(
      #"{"port":-1,"hsot":"x","log":{"level":"loud","format":"xml"},"cookies":[{"authorization":""}],"upstream":{"base_url":"ftp://x"}}"#,
      [("XTGATEWAY_PORTT", "1"), ("XTGATEWAY_POOL_QUEUE_LIMIT", "many")])
    for part in [
      "port must", "hsot", "log.level", "log.format", "cookies[0]", "upstream.base_url", "XTGATEWAY_PORTT",
      "XTGATEWAY_POOL_QUEUE_LIMIT",
    ] {
      #expect(found.contains { $0.contains(part) }, "\(part) in \(found)")
    }
    #expect(found.count == 8)
    #expect(found.allSatisfy { !$0.contains("\n") })
  }

  @Test func whatIsNoJSONSaysWhere() {
    #expect(mistakes("{\n\"port\": 1,\n}").first?.contains("line 3") == true)
    #expect(mistakes("").first?.contains("not valid JSON") == true)
    #expect(mistakes("[]") == ["config.json: must hold a JSON object"])
  }

  @Test(arguments: [
    ("http://127.0.0.1:9000", true), ("https://x.example/", true), ("https://x.example/base", true), ("http://[::1]:80", true),
    ("ftp://x", false),
    ("x.example", false), ("https://", false), ("https:///x", false), ("https://u:p@x.example", false),
    ("https://x.example?q", false),
    ("https://x.example#f", false), ("https://x y", false), ("https://x\\n", false), ("", false),
  ]) func baseURLs(_ url: String, _ isValid: Bool) { #expect(mistakes(#"{"upstream":{"base_url":"\#(url)"}}"#).isEmpty == isValid) }

  @Test func headersHoldNoLineBreaks() {
    #expect(mistakes(#"{"upstream":{"user_agent":"a\r\nx: y"}}"#).count == 1)
    #expect(mistakes(#"{"upstream":{"app_version":"3.1.0\n"}}"#).count == 1)
  }

  @Test func http2NeedsTLS() {
    #expect(mistakes(#"{"upstream":{"http_version":"2","base_url":"http://x"}}"#).count == 1)
    #expect(mistakes(#"{"upstream":{"http_version":"2"}}"#).isEmpty)
    #expect(mistakes(#"{"upstream":{"http_version":"3"}}"#).count == 1)
  }

  @Test(arguments: [
    ("127.0.0.1", true), ("127.8.9.10", true), ("localhost", true), ("::1", true), ("0.0.0.0", false), ("::", false),
    ("192.168.1.1", false),
    ("127.evil.example", false), ("localhost.example", false), ("1270.0.0.1", false),
  ]) func whatIsNotLoopbackNeedsKeys(_ host: String, _ isLoopback: Bool) {
    #expect(mistakes(#"{"host":"\#(host)"}"#).isEmpty == isLoopback)
    #expect(mistakes(#"{"host":"\#(host)","api_keys":["k"]}"#).isEmpty)
    #expect(mistakes(#"{"host":"\#(host)","allow_anonymous":true}"#).isEmpty)
    #expect(mistakes(#"{"host":"\#(host)","allow_anonymous":false}"#).isEmpty == isLoopback)
  }
}

import Testing

@testable import Gateway

@Suite("Configuration from the environment") struct ConfigurationEnvironmentTests {
  @Test func itBeatsTheFile() throws {
    let configuration = try load(
      #"{"port":1,"log":{"level":"error"},"upstream":{"base_url":"https://file"}}"#,
      [("XTGATEWAY_PORT", "2"), ("XTGATEWAY_UPSTREAM_BASE_URL", "http://environment"), ("PATH", "/bin"), ("XTGATEWAY_CONFIG", "x")])
    #expect(configuration.port == 2)
    #expect(configuration.upstream.baseURL == "http://environment")
    #expect(configuration.log.level == .error)
  }

  @Test func listsAndObjectsAreJSON() throws {
    let configuration = try load(
      nil,
      [
        ("XTGATEWAY_COOKIES", #"[{"authorization":"t"}]"#), ("XTGATEWAY_API_KEYS", #"["k"]"#),
        ("XTGATEWAY_MODELS_CREDITS", #"["免费","1积分"]"#),
        ("XTGATEWAY_MODELS_ALIASES", #"{"a":"b"}"#), ("XTGATEWAY_ALLOW_ANONYMOUS", "true"), ("XTGATEWAY_MODELS_PREFIX", "x\"-"),
      ])
    #expect(configuration.cookies.count == 1 && configuration.apiKeys.count == 1 && configuration.allowAnonymous)
    #expect(configuration.models.credits == ["免费", "1积分"])
    #expect(configuration.models.aliases.first?.name == "a")
    #expect(configuration.models.prefix == "x\"-")
  }

  @Test func theSeedsVariables() throws {
    let seed = [
      ("API_HOST", "0.0.0.0"), ("API_PORT", "9000"), ("LOG_LEVEL", "INFO"), ("SESSION_TIMEOUT_SECONDS", "60"),
      ("CLEANUP_INTERVAL_SECONDS", "5"),
      ("XTGATEWAY_ALLOW_ANONYMOUS", "true"),
    ].map { (name: $0.0, value: $0.1) }
    let configuration = try load(#"{"port":1}"#, seed)
    #expect(configuration.host == "0.0.0.0" && configuration.port == 9000 && configuration.log.level == .info)
    #expect(configuration.sessions.idleTimeoutSeconds == 60 && configuration.sessions.cleanupIntervalSeconds == 5)
    for word in ["DEBUG", "WARN", "Warning", "ERROR", "critical"] {
      #expect(mistakes(nil, [("LOG_LEVEL", word)]).isEmpty, "\(word)")
    }
    #expect(mistakes(nil, [("LOG_LEVEL", "loud")]).count == 1)
  }

  @Test func theSeedsCookies() throws {
    for value in [#"[{"authorization":"t"}]"#, #"{"cookies":[{"authorization":"t"}]}"#] {
      for name in ["XSTECH_COOKIES", "XTGATEWAY_COOKIES"] {
        #expect(try load(nil, [(name, value)]).cookies.map(\.authorization) == ["t"])
      }
    }
    #expect(mistakes(nil, [("XSTECH_COOKIES", "t")]).count == 1)
    #expect(mistakes(nil, [("XSTECH_COOKIES", #"{"cookie":[]}"#)]).count == 1)
  }

  @Test func theNewerNameWinsInAnyOrder() throws {
    let both = [(name: "XTGATEWAY_PORT", value: "2"), (name: "API_PORT", value: "3")]
    #expect(try load(nil, both).port == 2)
    #expect(try load(nil, both.reversed()).port == 2)
  }

  @Test func unknownOnesAreMistakes() {
    #expect(
      mistakes(nil, [("XTGATEWAY_PROT", "1")]) == ["environment: unknown variable XTGATEWAY_PROT (did you mean XTGATEWAY_PORT?)"]
        || mistakes(nil, [("XTGATEWAY_PROT", "1")]) == [
          "environment: unknown variable XTGATEWAY_PROT (did you mean \"XTGATEWAY_PORT\"?)"
        ])
    #expect(mistakes(nil, [("XTGATEWAY_UPSTREAM", "{}")]).count == 1)
    #expect(mistakes(nil, [("OTHER_PORT", "1"), ("XTGATEWAY", "1")]).isEmpty)
  }

  @Test func wrongValuesNameTheVariable() {
    for (name, value) in [
      ("XTGATEWAY_PORT", "+5"), ("XTGATEWAY_PORT", "x"), ("XTGATEWAY_PORT", "\"5\""), ("XTGATEWAY_ALLOW_ANONYMOUS", "yes"),
      ("XTGATEWAY_COOKIES", "["),
      ("API_PORT", "70000"), ("XTGATEWAY_MODELS_CREDITS", "1积分"),
    ] {
      let found = mistakes(nil, [(name, value)])
      #expect(found.count == 1)
      #expect(found.first?.hasPrefix("\(name): ") == true, "\(found)")
    }
  }

  @Test func variableNamesAreDifferent() {
    let names = ConfigurationTable.keys.map(\.environmentName)
    #expect(Set(names).count == names.count)
    #expect(names.contains("XTGATEWAY_POOL_MAX_CONCURRENCY"))
  }
}

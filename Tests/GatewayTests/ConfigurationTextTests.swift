import Testing

@testable import Gateway

@Suite("The effective configuration") struct ConfigurationTextTests {
  @Test func holdsNoSecrets() throws {
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VySWQiOjF9.c2lnbmF0dXJl"
    let configuration = try load(
      #"{"cookies":[{"authorization":"Bearer \#(token)"},{"authorization":"short"}],"api_keys":["sk-0123456789abcdef",{"key":"tiny","name":"n"}]}"#
    )
    let text = configuration.text
    for secret in [token, "eyJhbG", "short", "sk-0123456789abcdef", "tiny", "cdef", "c2lnbmF0dXJl"] {
      #expect(!text.contains(secret), "\(secret)")
    }
    let object = try foundationObject(text)
    #expect((object["cookies"] as? [[String: Any]])?.map { $0["authorization"] as? String } == ["Bear…", "…"])
    #expect((object["api_keys"] as? [[String: Any]])?.map { $0["key"] as? String } == ["sk-0…", "…"])
  }

  @Test func mistakesHoldNoSecrets() {
    let secret = "sk-0123456789abcdef"
    for text in [
      #"{"api_keys":["\#(secret)","\#(secret)"]}"#, #"{"cookies":[{"authorization":"\#(secret)"},{"authorization":"\#(secret)"}]}"#,
      #"{"cookies":[{"authorization":"\#(secret)\n"}]}"#, #"{"cookies":"\#(secret)"}"#,
    ] {
      let found = mistakes(text)
      #expect(!found.isEmpty)
      #expect(found.allSatisfy { !$0.contains(secret) }, "\(found)")
    }
    #expect(mistakes(nil, [("XSTECH_COOKIES", secret)]).allSatisfy { !$0.contains(secret) })
  }

  @Test func isALoadableFile() throws {
    let configuration = try load(
      #"{"port":1,"models":{"credits":["a\"b","免费"],"aliases":{"x":["y","z"]}},"log":{"level":"warn"},"host":"::1"}"#)
    let again = try load(configuration.text)
    #expect(again.text == configuration.text)
    #expect(again.models.credits == ["a\"b", "免费"])
    #expect(again.log.level == .warning)
  }

  @Test func holdsEveryKeyOnce() throws {
    let object = try foundationObject(try load().text)
    for key in ConfigurationTable.keys {
      var value: Any? = object
      for part in key.name.split(separator: ".") { value = (value as? [String: Any])?[String(part)] }
      #expect(value != nil, "\(key.name)")
    }
    let names = ConfigurationTable.keys.map(\.name)
    #expect(Set(names).count == names.count)
  }

  @Test func documentationHasALineForEveryKey() {
    let lines = Configuration.documentation.split(separator: "\n")
    #expect(lines.count == ConfigurationTable.keys.count + 2)
    for key in ConfigurationTable.keys {
      #expect(key.documentation.hasSuffix(".") || key.documentation.contains("`"), "\(key.name)")
    }
  }

  @Test func distances() {
    #expect(editDistance("", "", limit: 5) == 0)
    #expect(editDistance("kitten", "sitting", limit: 5) == 3)
    #expect(editDistance("abc", "abcdef", limit: 2) == 3)
    #expect(editDistance("abc", "xyz", limit: 1) == 2)
  }
}

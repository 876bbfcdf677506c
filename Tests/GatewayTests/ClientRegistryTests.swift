import Testing

@testable import Gateway
@testable import Wire

@Suite("API keys") struct ClientRegistryTests {
  private static func key(_ key: String, _ name: String, concurrency: Int = 0, perMinute: Int = 0) -> Configuration.APIKey {
    .init(key: key, name: name, maxConcurrency: concurrency, requestsPerMinute: perMinute)
  }

  private static func registry(_ keys: [Configuration.APIKey], now: UInt64 = 0) -> ClientRegistry {
    var registry = ClientRegistry(ConversationDigest(key: .init(k0: 1, k1: 2)))
    registry.configure(keys, now: now)
    return registry
  }

  private let two = registry([key("sk-one", "one"), key("sk-two", "two")])

  private func headers(_ fields: [(String, String)]) -> HTTPHeaders {
    var block: [UInt8] = []
    var index: [HTTPHeaders.Field] = []
    for (name, value) in fields {
      let start = UInt32(block.count)
      block += Array(name.utf8)
      let middle = UInt32(block.count)
      block += Array(value.utf8)
      index.append(.init(name: start..<middle, value: middle..<UInt32(block.count)))
    }
    return HTTPHeaders(block: block, index: index)
  }

  private func client(_ registry: ClientRegistry, _ fields: [(String, String)]) -> ClientIdentity? {
    if case .client(let client) = registry.keys.check(headers(fields)) { client } else { nil }
  }

  private func client(_ registry: ClientRegistry, _ key: String) -> ClientIdentity? { client(registry, [("x-api-key", key)]) }

  // MARK: Who it is

  @Test func withoutKeysEverybodyMay() throws {
    for fields in [[], [("Authorization", "Bearer x")]] {
      let anybody = try #require(client(Self.registry([]), fields))
      #expect(anybody.index == -1 && anybody.name == nil)
    }
  }

  @Test(arguments: [
    ("Authorization", "Bearer sk-one", "one"), ("authorization", "bearer sk-two", "two"),
    ("AUTHORIZATION", "BEARER   sk-two", "two"),
    ("x-api-key", "sk-one", "one"), ("X-Api-Key", "sk-two", "two"),
  ]) func accepted(_ name: String, _ value: String, _ key: String) {
    let client = client(two, [(name, value)])
    #expect(client?.name == key && client?.index == (key == "one" ? 0 : 1))
  }

  @Test(
    arguments: [
      [], [("Authorization", "Bearer")], [("Authorization", "Bearer ")], [("Authorization", "sk-one")],
      [("Authorization", "Basic sk-one")],
      [("Authorization", "Bearer sk-on")], [("Authorization", "Bearer sk-onee")], [("Authorization", "Bearer sk-one sk-two")],
      [("Authorization", "Bearer SK-ONE")], [("x-api-key", "")], [("x-api-key", "sk-onesk-one")], [("x-api-key", "Bearer sk-one")],
      [("api-key", "sk-one")],
    ] as [[(String, String)]]) func refused(_ fields: [(String, String)])
  { #expect(client(two, fields) == nil) }

  @Test func anotherSchemeLeavesTheOtherHeader() {
    #expect(client(two, [("Authorization", "Basic abc"), ("x-api-key", "sk-one")])?.name == "one")
  }

  @Test func comparisons() {
    for (a, b) in [("a", "a"), ("", ""), ("é", "é")] { #expect(SecretDigest(a).matches(SecretDigest(b))) }
    for (a, b) in [("a", "b"), ("a", ""), ("", "a"), ("ab", "abab"), ("abab", "ab"), ("aa", "a")] {
      #expect(!SecretDigest(a).matches(SecretDigest(b)))
    }
  }

  /// Conversations of two clients never meet, and nobody's are not those of a key with an empty name.
  @Test func conversationsBeginApart() throws {
    let one = try #require(client(two, "sk-one")).digest
    let other = try #require(client(two, "sk-two")).digest
    let nobody = try #require(client(Self.registry([]), [])).digest
    #expect(one != other && one != nobody && other != nobody)
    // A key that is renamed is still the same client.
    let renamed = Self.registry([Self.key("sk-one", "another name")])
    #expect(try #require(client(renamed, "sk-one")).digest == one)
  }

  // MARK: Another configuration

  @Test func whatStaysKeepsWhatItHasUsed() throws {
    var registry = Self.registry([Self.key("a", "a", concurrency: 2), Self.key("b", "b", perMinute: 2)])
    let (a, b) = (try #require(client(registry, "a")), try #require(client(registry, "b")))
    for client in [a, a, b, b] {
      let refusal = registry.begin(client, now: 0)
      #expect(refusal == nil)
    }
    registry.configure([Self.key("b", "bee", perMinute: 3), Self.key("c", "c"), Self.key("a", "a", concurrency: 3)], now: 0)
    #expect(client(registry, "a")?.index == a.index)
    #expect(client(registry, "b")?.index == b.index && client(registry, "b")?.name == "bee")
    #expect(client(registry, "c")?.index == 2)
    let (third, fourth) = (registry.begin(a, now: 0), registry.begin(a, now: 0))
    #expect(third == nil && fourth == .tooMany(atATime: 3))
    let status = registry.status(b, now: 0)
    #expect(status == .init(limit: 3, remaining: 1, resetMilliseconds: 40_000))
  }

  @Test func aRemovedKeyOpensNothing() throws {
    var registry = Self.registry([Self.key("a", "a", concurrency: 1), Self.key("b", "b")])
    let a = try #require(client(registry, "a"))
    let begun = registry.begin(a, now: 0)
    #expect(begun == nil)
    registry.configure([Self.key("b", "b")], now: 1)
    #expect(client(registry, "a") == nil)
    #expect(client(registry, "b") != nil)
    // Its running request still counts when it comes back, and may end.
    registry.configure([Self.key("b", "b"), Self.key("a", "a", concurrency: 1)], now: 2)
    #expect(client(registry, "a")?.index == a.index)
    let second = registry.begin(a, now: 2)
    #expect(second == .tooMany(atATime: 1))
    registry.end(a)
    let third = registry.begin(a, now: 2)
    #expect(third == nil)
  }

  /// With the last key removed the gateway is open; with a first one nobody comes in without it.
  @Test func openAndClosed() throws {
    var registry = Self.registry([])
    let anybody = try #require(client(registry, []))
    registry.configure([Self.key("a", "a")], now: 0)
    #expect(client(registry, []) == nil && client(registry, "a") != nil)
    let begun = registry.begin(anybody, now: 0)
    #expect(begun == nil)
    registry.end(anybody)
    registry.configure([], now: 0)
    #expect(client(registry, [])?.index == -1)
  }

  @Test func anybodyHasNoLimit() throws {
    var registry = Self.registry([])
    let anybody = try #require(client(registry, []))
    for _ in 0..<1000 {
      let refusal = registry.begin(anybody, now: 0)
      #expect(refusal == nil)
    }
    #expect(registry.status(anybody, now: 0) == nil)
  }
}

import Testing

@testable import Gateway
@testable import Wire

@Suite("API keys") struct APIKeysTests {
  private let keys = APIKeys([.init(key: "sk-one", name: "one"), .init(key: "sk-two", name: "two")])

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

  @Test func withoutKeysEverybodyMay() {
    #expect(APIKeys([]).check(headers([])) == .anonymous)
    #expect(APIKeys([]).check(headers([("Authorization", "Bearer x")])) == .anonymous)
  }

  @Test(arguments: [
    ("Authorization", "Bearer sk-one", "one"), ("authorization", "bearer sk-two", "two"),
    ("AUTHORIZATION", "BEARER   sk-two", "two"),
    ("x-api-key", "sk-one", "one"), ("X-Api-Key", "sk-two", "two"),
  ]) func accepted(_ name: String, _ value: String, _ key: String) {
    #expect(keys.check(headers([(name, value)])) == .key(key == "one" ? 0 : 1))
  }

  @Test(
    arguments: [
      [], [("Authorization", "Bearer")], [("Authorization", "Bearer ")], [("Authorization", "sk-one")],
      [("Authorization", "Basic sk-one")],
      [("Authorization", "Bearer sk-on")], [("Authorization", "Bearer sk-onee")], [("Authorization", "Bearer sk-one sk-two")],
      [("Authorization", "Bearer SK-ONE")], [("x-api-key", "")], [("x-api-key", "sk-onesk-one")], [("x-api-key", "Bearer sk-one")],
      [("api-key", "sk-one")],
    ] as [[(String, String)]]) func refused(_ fields: [(String, String)])
  { #expect(keys.check(headers(fields)) == .refused) }

  @Test func anotherSchemeLeavesTheOtherHeader() {
    #expect(keys.check(headers([("Authorization", "Basic abc"), ("x-api-key", "sk-one")])) == .key(0))
  }

  @Test func comparisons() {
    for (a, b) in [("a", "a"), ("", ""), ("é", "é")] { #expect(APIKeys.areEqual(a, b)) }
    for (a, b) in [("a", "b"), ("a", ""), ("", "a"), ("ab", "abab"), ("abab", "ab"), ("aa", "a")] {
      #expect(!APIKeys.areEqual(a, b))
    }
  }
}

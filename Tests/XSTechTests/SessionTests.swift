import Testing
import Wire

@testable import XSTech

@Suite("Sessions") struct SessionTests {
  private static let usual = #"""
    {"id":96220,"created":"2026-06-04 10:20:23","uid":23756,"name":"新对话","model":"openai::gpt-5.5","maxToken":0,"contextCount":20,
     "temperature":0.25,"presencePenalty":-1,"frequencyPenalty":0.5,"prompt":"old","topSort":0,"icon":"\u00e9\n","plugins":[],"mcp":[{"a":[1,null]}],
     "webSearch":false,"localPlugins":null,"useAppId":0,"newMember":{"x":"\"y\""}}
    """#

  private func session(_ text: String) throws -> Session? { try text.withJSON { Session($0) } }

  @Test func defaultsAreThoseOfTheObject() throws {
    let session = try #require(try session(Self.usual))
    #expect(session.id == 96220)
    #expect(
      session.defaults
        == SessionSettings(
          model: "openai::gpt-5.5", prompt: "old", temperature: 0.25, presencePenalty: -1, frequencyPenalty: 0.5, maxToken: 0,
          contextCount: 20))
  }

  @Test func aSparseObjectHasTheUpstreamsDefaults() throws {
    #expect(try session(#"{"id":1}"#)?.defaults == SessionSettings(model: ""))
    for text in [#"{"id":0}"#, #"{"id":-1}"#, #"{"id":"x"}"#, "{}", "[1]", "null", "1"] {
      #expect(try session(text) == nil, "\(text)")
    }
  }

  @Test func anUpdateKeepsWhatItDoesNotKnow() throws {
    let session = try #require(try session(Self.usual))
    let settings = SessionSettings(
      model: "Llama::meta-llama/llama-4", prompt: "Be \"brief\".\n", temperature: 1, presencePenalty: 2, frequencyPenalty: -2,
      maxToken: 100,
      contextCount: 65)
    let body = try foundationObject(session.updateBody(settings).text)
    let before = try foundationObject(Self.usual)
    #expect(Set(body.keys) == Set(before.keys))
    let replaced = ["model", "prompt", "temperature", "presencePenalty", "frequencyPenalty", "maxToken", "contextCount"]
    for (key, value) in before where !replaced.contains(key) { #expect("\(body[key] ?? "-")" == "\(value)", "\(key)") }
    #expect(body["model"] as? String == "Llama::meta-llama/llama-4")
    #expect(body["prompt"] as? String == "Be \"brief\".\n")
    #expect(body["temperature"] as? Double == 1)
    #expect(body["presencePenalty"] as? Double == 2)
    #expect(body["frequencyPenalty"] as? Double == -2)
    #expect(body["maxToken"] as? Int == 100)
    #expect(body["contextCount"] as? Int == 65)
  }

  @Test func everyMemberStandsOnce() throws {
    let session = try #require(try session(#"{"id":1,"model":"a","mo\u0064el":"b","x":1,"prompt":"p"}"#))
    let text = session.updateBody(SessionSettings(model: "c")).text
    #expect(text.components("\"model\"") == 1)
    #expect(text.components("del\"") == 1)
    #expect(try foundationObject(text)["model"] as? String == "c")
  }

  @Test func theNameIsReplacedOnlyWhenGiven() throws {
    let session = try #require(try session(Self.usual))
    #expect(try foundationObject(session.updateBody(session.defaults).text)["name"] as? String == "新对话")
    let named = session.updateBody(session.defaults, name: "n").text
    #expect(try foundationObject(named)["name"] as? String == "n")
    #expect(named.components("\"name\"") == 1)
  }
}

extension String {
  /// How often `text` occurs.
  fileprivate func components(_ text: String) -> Int { split(separator: text, omittingEmptySubsequences: false).count - 1 }
}

@Suite("Pages of sessions") struct SessionPageTests {
  @Test func aPage() throws {
    let text =
      #"{"page":1,"size":30,"total":3,"pages":2,"records":[{"id":5,"name":"n","updated":"2026-06-04 10:20:23"},{"id":6},{"id":0},{"name":"x"},7]}"#
    let page = try #require(try text.withJSON { SessionPage($0) })
    #expect(page.pages == 2)
    #expect(page.records.map(\.id) == [5, 6])
    #expect(page.records.map(\.name) == ["n", ""])
    #expect(page.records.map(\.updated) == ["2026-06-04 10:20:23", ""])
    for text in ["{}", #"{"records":{}}"#, "null"] { #expect(try text.withJSON { SessionPage($0) == nil }) }
  }
}

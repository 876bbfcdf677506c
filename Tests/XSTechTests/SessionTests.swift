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
    let body = try foundationObject(session.updateBody(settings, name: "xtgateway/1").text)
    let before = try foundationObject(Self.usual)
    #expect(Set(body.keys) == Set(before.keys))
    let replaced = ["model", "prompt", "temperature", "presencePenalty", "frequencyPenalty", "maxToken", "contextCount"]
    #expect(body["name"] as? String == "xtgateway/1")
    for (key, value) in before where key != "name" && !replaced.contains(key) {
      #expect("\(body[key] ?? "-")" == "\(value)", "\(key)")
    }
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
    let text = session.updateBody(SessionSettings(model: "c"), name: "n").text
    #expect(text.components("\"model\"") == 1)
    #expect(text.components("del\"") == 1)
    #expect(try foundationObject(text)["model"] as? String == "c")
  }

  @Test func theNameIsReplaced() throws {
    let session = try #require(try session(Self.usual))
    let text = session.updateBody(session.defaults, name: "n").text
    #expect(try foundationObject(text)["name"] as? String == "n")
    #expect(text.components("\"name\"") == 1)
  }

  @Test func whatIsNotChangedComesBackAsItStood() throws {
    let session = try #require(
      try session(#"{ "a" : [1, 2] ,"id":7,"updated":"u","n\u0061me":"x","na":1.50,"promp":"","\u00e9":{}}"#))
    #expect(session.updated == "u")
    #expect(
      session.updateBody(SessionSettings(model: "m", temperature: 0.5), name: "n").text
        == #"{"a":[1, 2],"id":7,"updated":"u","na":1.50,"promp":"","\u00e9":{},"name":"n","model":"m","prompt":"","temperature":0.5,"#
        + #""presencePenalty":0.0,"frequencyPenalty":0.0,"maxToken":0,"contextCount":20}"#)
  }

  @Test func theLastOfSeveralCounts() throws {
    let text = #"{"id":1,"model":"a","temperature":1,"updated":"x","id":2,"model":"b","temperature":null,"updated":3}"#
    let session = try #require(try session(text))
    #expect((session.id, session.updated, session.defaults) == (2, "", SessionSettings(model: "b")))
    #expect(try self.session(#"{"id":1,"id":"x"}"#) == nil)
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

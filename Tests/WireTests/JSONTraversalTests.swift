import Testing

@testable import Wire

@Suite("Walks through JSON values") struct JSONTraversalTests {
  @Test func elementsOneByOne() throws {
    try withJSON(#"[1,[2,3],{"a":4},"5"]"#) { root in
      #expect(root.eachElement.map { String(decoding: $0.raw, as: UTF8.self) } == ["1", "[2,3]", #"{"a":4}"#, "\"5\""])
    }
    for text in ["[]", "{}", #"{"a":1}"#, "1", "\"a\"", "null"] {
      try withJSON(text) { #expect(Array($0.eachElement).isEmpty) }
    }
  }

  @Test func aFilterPassesEveryName() throws {
    try withJSON(#"{"model":1,"messages":[{"role":2}],"n":3,"":4}"#) { root in
      let filter = root.nameFilter
      for name: StaticString in ["model", "messages", "n", ""] { #expect(filter.mayHold(name)) }
      for name: StaticString in ["role", "stream", "temperature", "mode", "m"] { #expect(!filter.mayHold(name)) }
    }
  }

  @Test func aFilterDoesNotKnowWhatAnEscapeStandsFor() throws {
    try withJSON(#"{"\u006dodel":1}"#) { root in
      #expect(root.nameFilter.mayHold("model"))
      #expect(root["model"]?.int == 1)
    }
  }

  @Test func aFilterMayPassAll() {
    for name: StaticString in ["", "a", "model"] { #expect(JSONNameFilter.passesAll.mayHold(name)) }
  }

  @Test func whatIsNoObjectHoldsNoNames() throws {
    for text in [#"["model"]"#, "1", "\"model\"", "{}"] { try withJSON(text) { #expect(!$0.nameFilter.mayHold("model")) } }
  }
}

import Testing
import Wire
import XSTech

@testable import Gateway

@Suite("Live sessions") struct LiveSessionTests {
  private func live(contextCount: Int = 20) throws -> LiveSession {
    let json =
      #"{"id":5,"model":"m","temperature":0.3,"presencePenalty":0.1,"frequencyPenalty":-0.1,"maxToken":9,"contextCount":\#(contextCount),"prompt":"p"}"#
    return LiveSession(account: 0, session: try makeSession(5, json: json))
  }

  private func query(system: String = "p", _ change: (inout ChatQuery.Parameters) -> Void = { _ in }) -> ChatQuery {
    var parameters = ChatQuery.Parameters()
    change(&parameters)
    return ChatQuery(model: "x", system: system, turns: [], parameters: parameters)
  }

  @Test func aNewSessionHasToBeTold() throws {
    var session = try live()
    #expect(session.model == "m")
    let settings = session.settings(for: query(), model: "m")
    #expect(session.needsUpdate(to: settings))
    session.wasUpdated(to: settings)
    #expect(!session.needsUpdate(to: settings))
    #expect(session.model == "m")
    #expect(session.needsUpdate(to: session.settings(for: query(), model: "other")))
    #expect(session.needsUpdate(to: session.settings(for: query(system: ""), model: "m")))
    #expect(session.needsUpdate(to: session.settings(for: query { $0.temperature = 0 }, model: "m")))
    #expect(!session.needsUpdate(to: session.settings(for: query { $0.temperature = 0.3 }, model: "m")))
  }

  @Test func whatIsLeftOutIsTheDefaultAgain() throws {
    var session = try live()
    let hot = session.settings(
      for: query(system: "q") {
        $0.temperature = 1
        $0.presencePenalty = 2
        $0.frequencyPenalty = -2
        $0.maxTokens = 100
      }, model: "n")
    #expect(
      hot
        == SessionSettings(
          model: "n", prompt: "q", temperature: 1, presencePenalty: 2, frequencyPenalty: -2, maxToken: 100, contextCount: 65))
    session.wasUpdated(to: hot)
    #expect(session.model == "n")
    let cool = session.settings(for: query(), model: "m")
    #expect(
      cool
        == SessionSettings(
          model: "m", prompt: "p", temperature: 0.3, presencePenalty: 0.1, frequencyPenalty: -0.1, maxToken: 9, contextCount: 65))
    #expect(session.needsUpdate(to: cool))
  }

  @Test func aPreparedSessionFitsTheUsualRequest() throws {
    var session = try live()
    let prepared = session.preparedSettings(model: "m")
    #expect(prepared.prompt == "")
    session.wasUpdated(to: prepared)
    #expect(!session.needsUpdate(to: session.settings(for: query(system: ""), model: "m")))
    #expect(session.needsUpdate(to: session.settings(for: query(system: "s"), model: "m")))
  }

  @Test func aClearedSessionRemembersNothing() throws {
    var session = try live()
    for _ in 0..<66 { session.finishedRound() }
    #expect(!session.remembersEverything)
    session.wasCleared()
    #expect(session.rounds == 0)
    #expect(session.remembersEverything)
  }

  @Test func noMoreIsRememberedThanTheUpstreamShows() throws {
    var session = try live()
    for _ in 0..<65 { session.finishedRound() }
    #expect(session.remembersEverything)
    session.finishedRound()
    #expect(!session.remembersEverything)
  }
}

import OpenAI
import Testing
import Wire

@testable import Gateway

@Suite("From a request to a query") struct OpenAIDialectTests {
  private func query(_ messages: String, _ members: String = "") throws -> ChatQuery {
    let body = ByteBuffer(#"{"model":"m","messages":\#(messages)\#(members)}"#)
    return OpenAIDialect.query(try ChatRequest.decode(body, limits: RequestLimits()))
  }

  private func turns(_ query: ChatQuery) -> [String] { query.turns.map { "\($0.role) \($0.text)" } }

  @Test func leadingSystemMessagesAreThePrompt() throws {
    let query = try query(
      #"[{"role":"system","content":"a"},{"role":"developer","content":""},{"role":"developer","content":"b"},{"role":"user","content":"c"},"#
        + #"{"role":"system","content":"d"},{"role":"assistant","content":"e"},{"role":"tool","content":"f"},{"role":"function","content":"g"}]"#
    )
    #expect(query.system == "a\n\nb")
    #expect(turns(query) == ["user c", "system d", "assistant e", "tool f", "tool g"])
    #expect(query.historyCount == 3)
    #expect(query.history.count == 3 && query.newTurns.count == 2)
  }

  @Test func systemMessagesAloneAreSaid() throws {
    let query = try query(#"[{"role":"system","content":"a"},{"role":"developer","content":"b"}]"#)
    #expect(query.system == "")
    #expect(turns(query) == ["user a\n\nb"])
  }

  @Test func parametersAreClamped() throws {
    let members = #","temperature":1.7,"presence_penalty":-2,"frequency_penalty":2,"max_tokens":9000000000,"stop":"x""#
    let query = try query(#"[{"role":"user","content":"c"}]"#, members)
    #expect(query.parameters.temperature == 1)
    #expect(query.parameters.presencePenalty == -2)
    #expect(query.parameters.frequencyPenalty == 2)
    #expect(query.parameters.maxTokens == Int(Int32.max))
    #expect(query.stops == ["x"])
    #expect(try self.query(#"[{"role":"user","content":"c"}]"#).parameters == ChatQuery.Parameters())
  }
}

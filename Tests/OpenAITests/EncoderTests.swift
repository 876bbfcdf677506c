import Foundation
import Testing
import Wire

@testable import OpenAI

@Suite("Encoders") struct EncoderTests {
  private let identity = CompletionIdentity(id: #"chatcmpl-"1""#, created: 1_700_000_000, model: "xstech-a::b/\"c\"\n")
  private let usage = CompletionUsage(promptTokens: 1, completionTokens: 2, totalTokens: 3)

  /// The events' JSON; nil for `[DONE]`.
  private func events(_ buffer: ByteBuffer) throws -> [[String: Any]?] {
    #expect(buffer.text.hasSuffix("\n\n"))
    return try buffer.text.split(separator: "\n\n").map { event in
      #expect(event.hasPrefix("data: "))
      return event == "data: [DONE]" ? nil : try foundationObject(event.dropFirst(6))
    }
  }

  private func choice(_ event: [String: Any]?) throws -> [String: Any] {
    let choices = try #require(event?["choices"] as? [[String: Any]])
    #expect(choices.count == 1)
    return choices[0]
  }

  private func checkCommon(_ event: [String: Any]) {
    #expect(event["id"] as? String == identity.id)
    #expect(event["created"] as? Int == identity.created)
    #expect(event["model"] as? String == identity.model)
    #expect(event["object"] as? String == "chat.completion.chunk")
  }

  @Test(arguments: [false, true]) func aStream(_ includesUsage: Bool) throws {
    let encoder = ChunkEncoder(identity, includesUsage: includesUsage)
    let buffer = ByteBuffer()
    encoder.appendRole(to: buffer)
    #"a\n\u00e9"#.withRawBytes { encoder.appendContent($0, to: buffer) }
    #"r\"s"#.withRawBytes { encoder.appendReasoning($0, to: buffer) }
    encoder.appendEnd(usage: usage, to: buffer)
    let events = try events(buffer)
    #expect(events.count == (includesUsage ? 6 : 5))
    for event in events.dropLast() { checkCommon(try #require(event)) }
    let deltas = try events.prefix(4).map { try #require(try choice($0)["delta"] as? [String: String]) }
    #expect(deltas == [["role": "assistant", "content": ""], ["content": "a\né"], ["reasoning_content": "r\"s"], [:]])
    for event in events.prefix(3) { #expect(try choice(event)["finish_reason"] is NSNull) }
    #expect(try choice(events[3])["finish_reason"] as? String == "stop")
    for event in events.prefix(4) {
      #expect(try choice(event)["index"] as? Int == 0)
      #expect(includesUsage ? event?["usage"] is NSNull : event?["usage"] == nil)
    }
    if includesUsage {
      #expect((events[4]?["choices"] as? [Any])?.isEmpty == true)
      #expect(events[4]?["usage"] as? [String: Int] == ["prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3])
    }
    #expect(events[events.count - 1] == nil)
  }

  @Test func unknownUsageIsNotInvented() throws {
    let buffer = ByteBuffer()
    ChunkEncoder(identity, includesUsage: true).appendEnd(usage: nil, to: buffer)
    let events = try events(buffer)
    #expect(events.count == 2)
    #expect(events[0]?["usage"] is NSNull)
  }

  @Test func commentsAndErrors() throws {
    let buffer = ByteBuffer()
    ChunkEncoder.appendKeepAlive(to: buffer)
    #expect(buffer.text == ": keep-alive\n\n")
    buffer.removeAll()
    ChunkEncoder.appendError(ErrorBody(message: "a\n\nb", type: "t", code: "c"), to: buffer)
    let error = try #require(try events(buffer)[0]?["error"] as? [String: Any])
    #expect(error["message"] as? String == "a\n\nb")
    #expect(error["param"] is NSNull)
  }

  @Test func aWholeCompletion() throws {
    func encode(_ content: String, _ reasoning: String, _ usage: CompletionUsage?) throws -> [String: Any] {
      try content.withRawBytes { content in
        try reasoning.withRawBytes { reasoning in
          var encoder = CompletionEncoder(identity)
          encoder.appendContent(content)
          encoder.appendReasoning(reasoning)
          return try foundationObject(encoder.finish(usage).text)
        }
      }
    }
    let full = try encode(#"a\"b"#, #"r\n"#, usage)
    #expect(full["id"] as? String == identity.id)
    #expect(full["object"] as? String == "chat.completion")
    #expect(full["created"] as? Int == identity.created)
    #expect(full["model"] as? String == identity.model)
    #expect(full["usage"] as? [String: Int] == ["prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3])
    let choice = try choice(full)
    #expect(choice["finish_reason"] as? String == "stop")
    #expect(choice["index"] as? Int == 0)
    #expect(choice["logprobs"] is NSNull)
    let message = try #require(choice["message"] as? [String: Any])
    #expect(message["role"] as? String == "assistant")
    #expect(message["content"] as? String == #"a"b"#)
    #expect(message["reasoning_content"] as? String == "r\n")
    #expect(message["refusal"] is NSNull)
    let bare = try encode("", "", nil)
    #expect(bare["usage"] == nil)
    let empty = try #require(try self.choice(bare)["message"] as? [String: Any])
    #expect(empty["content"] as? String == "")
    #expect(empty["reasoning_content"] == nil)
  }

  @Test func anErrorBody() throws {
    let buffer = ByteBuffer()
    ErrorBody(message: #"a "b""#, type: "invalid_request_error", param: "messages[2].content", code: nil).write(to: buffer)
    let error = try #require(try foundationObject(buffer.text)["error"] as? [String: Any])
    #expect(Set(error.keys) == ["message", "type", "param", "code"])
    #expect(error["message"] as? String == #"a "b""#)
    #expect(error["type"] as? String == "invalid_request_error")
    #expect(error["param"] as? String == "messages[2].content")
    #expect(error["code"] is NSNull)
  }

  @Test func theListOfModels() throws {
    let buffer = ByteBuffer()
    ModelObject.writeList([ModelObject(id: "xstech-a::b/c"), ModelObject(id: "x")], to: buffer)
    let list = try foundationObject(buffer.text)
    #expect(list["object"] as? String == "list")
    let data = try #require(list["data"] as? [[String: Any]])
    #expect(data.map { $0["id"] as? String } == ["xstech-a::b/c", "x"])
    for model in data {
      #expect(model["object"] as? String == "model")
      #expect(model["owned_by"] as? String == "xstech")
      #expect(model["created"] as? Int == ModelObject.created)
    }
    buffer.removeAll()
    ModelObject.writeList([], to: buffer)
    #expect((try foundationObject(buffer.text)["data"] as? [Any])?.isEmpty == true)
  }
}

import Testing
import Wire

@testable import OpenAI

@Suite("Messages") struct MessageTests {
  private func messages(_ text: String) throws -> [Message] { try decode(request("", messages: text)).messages }

  @Test func everyRole() throws {
    let list = try messages(
      #"[{"role":"system","content":"s"},{"role":"developer","content":"d"},{"role":"user","content":"u","name":"n"},"#
        + #"{"role":"assistant","content":"a"},{"role":"tool","content":"t","tool_call_id":"1"},{"role":"function","content":"f","name":"g"}]"#
    )
    #expect(list.map(\.role) == [.system, .developer, .user, .assistant, .tool, .function])
    #expect(list.map(\.text) == ["s", "d", "u", "a", "t", "f"])
  }

  @Test func anAssistantMaySayNothing() throws {
    let list = try messages(
      #"[{"role":"assistant"},{"role":"assistant","content":null,"tool_calls":[]},{"role":"user","content":""}]"#)
    #expect(list.map(\.text) == ["", "", ""])
  }

  @Test func textPartsAreJoined() throws {
    let list = try messages(
      #"[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b\n"}]},{"role":"assistant","content":[{"type":"refusal","refusal":"no"}]},{"role":"user","content":[]}]"#
    )
    #expect(list.map(\.text) == ["a\nb\n", "no", ""])
  }

  @Test(arguments: [
    ("5", "messages[0]"), ("null", "messages[0]"), ("{}", "messages[0].role"), (#"{"role":5}"#, "messages[0].role"),
    (#"{"role":"User","content":"x"}"#, "messages[0].role"), (#"{"role":"user"}"#, "messages[0].content"),
    (#"{"role":"system","content":null}"#, "messages[0].content"), (#"{"role":"user","content":5}"#, "messages[0].content"),
    (#"{"role":"user","content":{}}"#, "messages[0].content"), (#"{"role":"user","content":["x"]}"#, "messages[0].content[0]"),
    (#"{"role":"user","content":[{}]}"#, "messages[0].content[0].type"),
    (#"{"role":"user","content":[{"type":1}]}"#, "messages[0].content[0].type"),
    (#"{"role":"user","content":[{"type":"input_audio"}]}"#, "messages[0].content[0].type"),
    (#"{"role":"user","content":[{"type":"text"}]}"#, "messages[0].content[0].text"),
    (#"{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":5}]}"#, "messages[0].content[1].text"),
    (#"{"role":"user","content":[{"type":"image_url"}]}"#, "messages[0].content[0].image_url"),
    (#"{"role":"user","content":[{"type":"image_url","image_url":5}]}"#, "messages[0].content[0].image_url"),
    (#"{"role":"user","content":[{"type":"image_url","image_url":{}}]}"#, "messages[0].content[0].image_url.url"),
    (#"{"role":"user","content":[{"type":"image_url","image_url":{"url":[]}}]}"#, "messages[0].content[0].image_url.url"),
    (#"{"role":"assistant","content":[{"type":"image_url","image_url":"data:image/png;base64,AAAA"}]}"#, "messages[0].content[0]"),
  ]) func wrongMessagesNameTheirPath(_ message: String, _ param: String) throws {
    let error = try #require(failure(request("", messages: "[\(message)]")))
    #expect(error.code == .invalidValue)
    #expect(error.param == param)
    #expect(error.message.contains("'\(param)'"), "\(error.message)")
  }

  @Test func thePathNamesTheRightMessage() {
    let fine = #"{"role":"user","content":"x"}"#
    #expect(
      refusal(request("", messages: #"[\#(fine),\#(fine),{"role":"user","content":7}]"#)) == "invalid_value messages[2].content")
  }
}

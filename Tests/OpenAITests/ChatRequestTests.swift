import Testing
import Wire

@testable import OpenAI

@Suite("Chat requests") struct ChatRequestTests {
  @Test func theLeast() throws {
    let chat = try decode(request(""))
    #expect(chat.model == "m")
    #expect(chat.messages.count == 1)
    #expect(chat.messages.first?.role == .user)
    #expect(chat.messages.first?.text == "hi")
    #expect(!chat.stream && !chat.includesUsage)
    #expect(chat.temperature == nil && chat.presencePenalty == nil && chat.frequencyPenalty == nil && chat.maxTokens == nil)
    #expect(chat.stop.isEmpty)
  }

  @Test func everyParameter() throws {
    let chat = try decode(
      request(
        #""stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false},"temperature":2,"presence_penalty":-2,"#
          + #""frequency_penalty":1.5,"max_tokens":7,"stop":["a","b","c","d"]"#))
    #expect(chat.stream && chat.includesUsage)
    #expect(chat.temperature == 2)
    #expect(chat.presencePenalty == -2)
    #expect(chat.frequencyPenalty == 1.5)
    #expect(chat.maxTokens == 7)
    #expect(chat.stop == ["a", "b", "c", "d"])
  }

  @Test func theNewerNameOfTheTokenLimitWins() throws {
    #expect(try decode(request(#""max_tokens":7,"max_completion_tokens":9"#)).maxTokens == 9)
    #expect(try decode(request(#""max_completion_tokens":null,"max_tokens":7"#)).maxTokens == 7)
    #expect(try decode(request(#""max_tokens":1.0"#)).maxTokens == 1)
  }

  @Test func nullIsAbsent() throws {
    let chat = try decode(
      request(
        #""stream":null,"stream_options":null,"temperature":null,"presence_penalty":null,"frequency_penalty":null,"max_tokens":null,"stop":null,"#
          + #""n":null,"logprobs":null,"tools":null,"functions":null,"response_format":null,"modalities":null,"audio":null,"top_p":null"#
      ))
    #expect(!chat.stream && chat.temperature == nil && chat.stop.isEmpty)
  }

  @Test(arguments: [
    #""n":1"#, #""logprobs":false"#, #""top_logprobs":0"#, #""tools":[]"#, #""functions":[]"#,
    #""response_format":{"type":"text"}"#,
    #""modalities":["text"]"#, #""modalities":[]"#, #""top_p":0.3"#, #""tool_choice":"none""#, #""seed":5"#, #""user":"u""#,
    #""store":true"#,
    #""metadata":{"a":"b"}"#, #""logit_bias":{"1":2}"#, #""parallel_tool_calls":true"#, #""service_tier":"auto""#,
    #""reasoning_effort":"low""#,
    #""prediction":{}"#, #""web_search_options":{}"#, #""not_known_at_all":[1]"#, #""stop":[]"#, #""stop":"""#,
  ]) func neutralAndIgnoredParameters(_ members: String) { #expect(refusal(request(members)) == nil) }

  @Test(arguments: [
    (#""n":2"#, "n"), (#""logprobs":true"#, "logprobs"), (#""top_logprobs":3"#, "top_logprobs"),
    (#""tools":[{"type":"function"}]"#, "tools"),
    (#""functions":[{}]"#, "functions"), (#""response_format":{"type":"json_object"}"#, "response_format"),
    (#""response_format":{"type":"json_schema","json_schema":{}}"#, "response_format"),
    (#""modalities":["text","audio"]"#, "modalities"),
    (#""audio":{"voice":"alloy"}"#, "audio"),
  ]) func unsupportedParameters(_ members: String, _ param: String) throws {
    let error = try #require(failure(request(members)))
    #expect(error.code == .unsupportedParameter)
    #expect(error.param == param)
    #expect(error.message.contains("'\(param)'"))
  }

  @Test(arguments: [
    (#""stream":"true""#, "stream"), (#""stream":1"#, "stream"), (#""stream_options":true"#, "stream_options"),
    (#""stream_options":{"include_usage":1}"#, "stream_options.include_usage"), (#""temperature":"0""#, "temperature"),
    (#""temperature":2.1"#, "temperature"), (#""temperature":-0.1"#, "temperature"), (#""temperature":1e999"#, "temperature"),
    (#""presence_penalty":[]"#, "presence_penalty"), (#""presence_penalty":-2.01"#, "presence_penalty"),
    (#""frequency_penalty":3"#, "frequency_penalty"), (#""max_tokens":0"#, "max_tokens"), (#""max_tokens":-1"#, "max_tokens"),
    (#""max_tokens":1.5"#, "max_tokens"), (#""max_tokens":"7""#, "max_tokens"),
    (#""max_tokens":0,"max_completion_tokens":5"#, "max_tokens"),
    (#""max_completion_tokens":{}"#, "max_completion_tokens"), (#""top_p":2"#, "top_p"), (#""n":0"#, "n"), (#""n":"1""#, "n"),
    (#""n":129"#, "n"),
    (#""logprobs":"no""#, "logprobs"), (#""tools":{}"#, "tools"), (#""response_format":"text""#, "response_format"),
    (#""response_format":{"type":5}"#, "response_format.type"), (#""modalities":"text""#, "modalities"), (#""stop":5"#, "stop"),
    (#""stop":{}"#, "stop"),
    (#""stop":["a",5]"#, "stop[1]"), (#""stop":["a","b","c","d","e"]"#, "stop"), (#""stop":[null]"#, "stop[0]"),
  ]) func wrongValuesNameTheirPath(_ members: String, _ param: String) throws {
    let error = try #require(failure(request(members)))
    #expect(error.code == .invalidValue)
    #expect(error.param == param)
    #expect(error.message.contains("'\(param)'"), "\(error.message)")
  }

  @Test func stopSequences() throws {
    #expect(try decode(request(#""stop":"\n\n""#)).stop == ["\n\n"])
    #expect(try decode(request(#""stop":["","x",""]"#)).stop == ["x"])
    #expect(try decode(request(#""stop":["\ud83d\ude00"]"#)).stop == ["😀"])
  }

  @Test(arguments: [
    ("", "invalid_json -"), ("{", "invalid_json -"), ("[]", "invalid_json -"), ("null", "invalid_json -"),
    ("{}x", "invalid_json -"),
    ("{}", "invalid_value model"), (#"{"model":null}"#, "invalid_value model"), (#"{"model":""}"#, "invalid_value model"),
    (#"{"model":5}"#, "invalid_value model"), (#"{"model":"m"}"#, "invalid_value messages"),
    (#"{"model":"m","messages":[]}"#, "invalid_value messages"),
    (#"{"model":"m","messages":"hi"}"#, "invalid_value messages"), (#"{"model":"m","messages":{}}"#, "invalid_value messages"),
  ]) func bodiesThatAreNoRequest(_ body: String, _ expected: String) { #expect(refusal(body) == expected) }

  @Test func limits() {
    var limits = RequestLimits()
    limits.maxMessages = 2
    limits.maxJSONDepth = 5
    let message = #"{"role":"user","content":"x"}"#
    #expect(refusal(request("", messages: "[\(message),\(message)]"), limits: limits) == nil)
    #expect(refusal(request("", messages: "[\(message),\(message),\(message)]"), limits: limits) == "invalid_value messages")
    #expect(refusal(request(#""metadata":[[[[]]]]"#), limits: limits) == nil)
    #expect(refusal(request(#""metadata":[[[[[]]]]]"#), limits: limits) == "invalid_json -")
  }
}

import Wire

/// Parameters that would change the answer in a way the upstream cannot give: refused by name, unless neutral. Everything
/// else that OpenAI knows (`seed`, `user`, `logit_bias`, `top_p` …) is accepted and ignored.
enum UnsupportedParameters {
  static func check(_ fields: Fields) throws(RequestError) {
    if let choices = try fields.integer("n", in: 1...128), choices > 1 { throw refusal("n", "only one choice can be generated") }
    if try fields.bool("logprobs") == true { throw refusal("logprobs", "log probabilities are not available") }
    if let count = try fields.integer("top_logprobs", in: 0...20), count > 0 {
      throw refusal("top_logprobs", "log probabilities are not available")
    }
    _ = try fields.number("top_p", in: 0...1)
    if fields.value("audio") != nil { throw refusal("audio", "audio output is not available") }
    if let modalities = try fields.array("modalities"), modalities.eachElement.contains(where: { $0.string != "text" }) {
      throw refusal("modalities", "only text output is available")
    }
    if let tools = try fields.array("tools"), tools.count > 0 { throw refusal("tools", "tool calls are not available") }
    if let functions = try fields.array("functions"), functions.count > 0 {
      throw refusal("functions", "function calls are not available")
    }
    if let format = try fields.object("response_format"), try format.string("type") ?? "text" != "text" {
      throw refusal("response_format", "only the format 'text' is available")
    }
  }

  private static func refusal(_ param: String, _ reason: String) -> RequestError {
    RequestError(
      .unsupportedParameter, "Unsupported parameter: '\(param)' is not supported by this gateway: \(reason).", param: param)
  }
}

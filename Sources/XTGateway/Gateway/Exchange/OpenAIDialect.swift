import HTTPServer
import OpenAI

/// From OpenAI's request to the gateway's own values. Form only: what follows from them is decided elsewhere.
enum OpenAIDialect {
  static func query(_ request: ChatRequest) -> ChatQuery {
    let leading = request.messages.prefix { $0.role == .system || $0.role == .developer }
    // A request of nothing but system messages says what it has to say in them.
    let system = leading.count < request.messages.count ? leading : []
    let turns = request.messages[system.count...].map { message in
      Turn(role(message.role), message.text, images: message.images.isEmpty ? [] : message.images.map(attachment))
    }
    var parameters = ChatQuery.Parameters()
    parameters.temperature = request.temperature.map { min($0, 1) }
    parameters.presencePenalty = request.presencePenalty
    parameters.frequencyPenalty = request.frequencyPenalty
    parameters.maxTokens = request.maxTokens.map { min($0, Int(Int32.max)) }
    return ChatQuery(
      model: request.model,
      system: system.isEmpty ? "" : system.map(\.text).filter { !$0.isEmpty }.joined(separator: "\n\n"),
      turns: leading.count < request.messages.count ? turns : [Turn(.user, leading.map(\.text).joined(separator: "\n\n"))],
      parameters: parameters, stops: request.stop)
  }

  private static func role(_ role: Message.Role) -> Turn.Role {
    switch role {
    case .system, .developer: .system
    case .user: .user
    case .assistant: .assistant
    case .tool, .function: .tool
    }
  }

  private static func attachment(_ image: Image) -> Attachment {
    Attachment(
      mediaType: image.format.mediaType, fileExtension: image.format.fileExtension, buffer: image.buffer, base64: image.base64,
      byteCount: image.byteCount, param: image.param)
  }
}

extension OpenAIDialect {
  /// - Parameter id: `chatcmpl-` and what makes it unique.
  static func encoder(for request: ChatRequest, http: HTTPServerExchange, id: String, head: AnswerHead) -> any AnswerEncoder {
    let identity = CompletionIdentity(id: id, created: Timestamp.unixSeconds, model: request.model)
    guard request.stream else { return OpenAICompletionEncoder(http, head: Response.json(200, head), identity: identity) }
    return OpenAIStreamEncoder(http, head: Response.stream(head), identity: identity, includesUsage: request.includesUsage)
  }
}

import Wire

/// A decoded body of `POST /v1/chat/completions`.
public struct ChatRequest {
  public var model: String
  public var messages: [Message]
  public var stream: Bool
  /// `stream_options.include_usage`.
  public var includesUsage: Bool
  /// 0 to 2.
  public var temperature: Double?
  /// -2 to 2.
  public var presencePenalty: Double?
  /// -2 to 2.
  public var frequencyPenalty: Double?
  /// `max_completion_tokens`, else `max_tokens`; at least 1.
  public var maxTokens: Int?
  /// Up to four, none empty.
  public var stop: [String]
}

public struct Message {
  public enum Role: Sendable { case system, developer, user, assistant, tool, function }
  public var role: Role
  /// The text parts, joined by line breaks.
  public var text: String
  public var images: [Image]
}

/// An image of a message. Its base64 text stays where the request brought it.
public struct Image {
  /// By the image's own first bytes: `image/png`.
  public var format: ImageFormat
  public var buffer: ByteBuffer
  /// Where the base64 text stands in `buffer`'s readable bytes.
  public var base64: Range<Int>
  /// Size of the decoded image in bytes.
  public var byteCount: Int
  /// Path of the part: `messages[0].content[1].image_url`.
  public var param: String
}

/// What a request may hold; beyond it, it is refused.
public struct RequestLimits: Sendable {
  public var maxJSONDepth = 64
  public var maxJSONValues = 500_000
  public var maxMessages = 4096
  public var maxImageBytes = 10_485_760

  public init() {}
}

extension ChatRequest {
  /// Decodes a body. Images are not copied: they keep `body` and refer to it.
  public static func decode(_ body: ByteBuffer, limits: RequestLimits) throws(RequestError) -> ChatRequest {
    let document: JSONDocument
    do { document = try JSONDocument(parsing: body.bytes, maxDepth: limits.maxJSONDepth, maxValues: limits.maxJSONValues) } catch {
      throw RequestError(.invalidJSON, "The request's body is not valid JSON: \(error).")
    }
    let root = document.root
    guard root.kind == .object else { throw RequestError(.invalidJSON, "The request's body must be a JSON object.") }
    // Nearly all of the parameters that are looked for are absent.
    let fields = Fields(root, at: .request, filter: root.nameFilter)
    try UnsupportedParameters.check(fields)
    guard let model = try fields.string("model"), !model.isEmpty else {
      throw RequestError(.invalidValue, "You must provide a model parameter.", param: "model")
    }
    let options = try fields.object("stream_options")
    let maxTokens = try fields.integer("max_tokens", in: 1...Int.max)
    return ChatRequest(
      model: model,
      messages: try MessageDecoder(body: body, limits: limits).messages(fields),
      stream: try fields.bool("stream") ?? false,
      includesUsage: try options?.bool("include_usage") ?? false,
      temperature: try fields.number("temperature", in: 0...2),
      presencePenalty: try fields.number("presence_penalty", in: -2...2),
      frequencyPenalty: try fields.number("frequency_penalty", in: -2...2),
      maxTokens: try fields.integer("max_completion_tokens", in: 1...Int.max) ?? maxTokens,
      stop: try stopSequences(fields))
  }

  /// OpenAI names no limit; every piece of an answer is searched for them.
  private static let maxStopBytes = 1024

  private static func stopSequences(_ fields: Fields) throws(RequestError) -> [String] {
    guard let value = fields.value("stop") else { return [] }
    if let one = value.string {
      guard one.utf8.count <= maxStopBytes else {
        throw RequestError(.invalidValue, "Invalid 'stop': longer than \(maxStopBytes) bytes.", param: "stop")
      }
      return one.isEmpty ? [] : [one]
    }
    guard value.kind == .array else {
      throw .wrongType("stop", expected: "a string or an array of strings", got: .init(value.kind))
    }
    var stops: [String] = []
    for (index, element) in value.eachElement.enumerated() {
      guard let text = element.string else { throw .wrongType("stop[\(index)]", expected: "a string", got: .init(element.kind)) }
      if !text.isEmpty { stops.append(text) }
    }
    if let index = stops.firstIndex(where: { $0.utf8.count > maxStopBytes }) {
      throw RequestError(.invalidValue, "Invalid 'stop[\(index)]': longer than \(maxStopBytes) bytes.", param: "stop[\(index)]")
    }
    guard value.count <= 4 else {
      throw RequestError(.invalidValue, "Invalid 'stop': at most 4 sequences, but got \(value.count).", param: "stop")
    }
    return stops
  }
}

import Wire

struct MessageDecoder {
  let body: ByteBuffer
  let limits: RequestLimits

  func messages(_ fields: Fields) throws(RequestError) -> [Message] {
    guard let list = try fields.array("messages") else {
      throw RequestError(.invalidValue, "Missing required parameter: 'messages'.", param: "messages")
    }
    guard !list.isEmpty else {
      throw RequestError(.invalidValue, "Invalid 'messages': expected at least one message.", param: "messages")
    }
    guard list.count <= limits.maxMessages else {
      throw RequestError(
        .invalidValue, "Invalid 'messages': at most \(limits.maxMessages) messages, but got \(list.count).", param: "messages")
    }
    var messages: [Message] = []
    messages.reserveCapacity(list.count)
    for (index, value) in list.enumerated() { messages.append(try message(value, path: "messages[\(index)]")) }
    return messages
  }

  private func message(_ value: JSONValue, path: String) throws(RequestError) -> Message {
    guard value.kind == .object else { throw .wrongType(path, expected: "an object", got: .init(value.kind)) }
    let fields = Fields(value, prefix: path + ".")
    guard let name = try fields.string("role") else {
      throw RequestError(.invalidValue, "Missing required parameter: '\(path).role'.", param: "\(path).role")
    }
    guard let role = Message.Role(rawValue: name) else {
      throw RequestError(
        .invalidValue,
        "Invalid value for '\(path).role': supported values are 'system', 'developer', 'user', 'assistant' and 'tool'.",
        param: "\(path).role")
    }
    var message = Message(role: role, text: "", images: [])
    guard let content = fields.value("content") else {
      // An assistant's turn that only called tools has no content; anyone else has to say something.
      if role == .assistant || role == .function { return message }
      throw RequestError(
        .invalidValue, "Invalid value for '\(path).content': expected a string or an array of parts, got null.",
        param: "\(path).content")
    }
    if let text = content.string {
      message.text = text
    } else if content.kind == .array {
      try decodeParts(content.elements, path: "\(path).content", into: &message)
    } else {
      throw .wrongType("\(path).content", expected: "a string or an array of parts", got: .init(content.kind))
    }
    return message
  }

  private func decodeParts(_ parts: [JSONValue], path: String, into message: inout Message) throws(RequestError) {
    var texts: [String] = []
    for (index, part) in parts.enumerated() {
      let path = "\(path)[\(index)]"
      guard part.kind == .object else { throw .wrongType(path, expected: "an object", got: .init(part.kind)) }
      let fields = Fields(part, prefix: path + ".")
      switch try fields.string("type") {
      case "text": texts.append(try required(fields, "text"))
      case "refusal": texts.append(try required(fields, "refusal"))
      case "image_url" where message.role == .user: message.images.append(try image(fields))
      case "image_url":
        throw RequestError(.invalidValue, "Invalid '\(path)': only messages of the role 'user' may hold images.", param: path)
      case nil: throw RequestError(.invalidValue, "Missing required parameter: '\(path).type'.", param: "\(path).type")
      case let type?:
        throw RequestError(
          .invalidValue, "Invalid value for '\(path).type': '\(type)' is not supported; supported are 'text' and 'image_url'.",
          param: "\(path).type")
      }
    }
    message.text = texts.joined(separator: "\n")
  }

  private func required(_ fields: Fields, _ name: StaticString) throws(RequestError) -> String {
    guard let text = try fields.string(name) else {
      throw RequestError(.invalidValue, "Missing required parameter: '\(fields.path(name))'.", param: fields.path(name))
    }
    return text
  }

  /// `{"image_url":{"url":"data:…"}}`, or the bare string that many clients send.
  private func image(_ fields: Fields) throws(RequestError) -> Image {
    guard let value = fields.value("image_url") else {
      throw RequestError(
        .invalidValue, "Missing required parameter: '\(fields.path("image_url"))'.", param: fields.path("image_url"))
    }
    if value.kind == .string { return try DataURL.image(value, body: body, limits: limits, path: fields.path("image_url")) }
    guard value.kind == .object else {
      throw .wrongType(fields.path("image_url"), expected: "an object or a string", got: .init(value.kind))
    }
    let inner = Fields(value, prefix: fields.path("image_url") + ".")
    guard let url = inner.value("url") else {
      throw RequestError(.invalidValue, "Missing required parameter: '\(inner.path("url"))'.", param: inner.path("url"))
    }
    guard url.kind == .string else { throw .wrongType(inner.path("url"), expected: "a string", got: .init(url.kind)) }
    return try DataURL.image(url, body: body, limits: limits, path: inner.path("url"))
  }
}

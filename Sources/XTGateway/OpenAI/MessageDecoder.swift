import Wire

struct MessageDecoder {
  let body: ByteBuffer
  let limits: RequestLimits

  func messages(_ fields: Fields) throws(RequestError) -> [Message] {
    guard let list = try fields.array("messages") else {
      throw RequestError(.invalidValue, "Missing required parameter: 'messages'.", param: "messages")
    }
    guard list.count > 0 else {
      throw RequestError(.invalidValue, "Invalid 'messages': expected at least one message.", param: "messages")
    }
    guard list.count <= limits.maxMessages else {
      throw RequestError(
        .invalidValue, "Invalid 'messages': at most \(limits.maxMessages) messages, but got \(list.count).", param: "messages")
    }
    var messages: [Message] = []
    messages.reserveCapacity(list.count)
    for (index, value) in list.eachElement.enumerated() { messages.append(try message(value, at: .message(index))) }
    return messages
  }

  private func message(_ value: JSONValue, at place: ParameterPath) throws(RequestError) -> Message {
    guard value.kind == .object else { throw .wrongType(place.text, expected: "an object", got: .init(value.kind)) }
    let role = try role(value["role"], at: place)
    guard let content = value["content"], content.kind != .null else {
      // An assistant's turn that only called tools has no content; anyone else has to say something.
      if role == .assistant || role == .function { return Message(role: role, text: "", images: []) }
      let path = place.member("content")
      throw RequestError(
        .invalidValue, "Invalid value for '\(path)': expected a string or an array of parts, got null.", param: path)
    }
    if let text = content.string { return Message(role: role, text: text, images: []) }
    guard content.kind == .array else {
      throw .wrongType(place.member("content"), expected: "a string or an array of parts", got: .init(content.kind))
    }
    var message = Message(role: role, text: "", images: [])
    try decodeParts(content, of: place, into: &message)
    return message
  }

  private func role(_ value: JSONValue?, at place: ParameterPath) throws(RequestError) -> Message.Role {
    guard let value, value.kind != .null else {
      let path = place.member("role")
      throw RequestError(.invalidValue, "Missing required parameter: '\(path)'.", param: path)
    }
    guard value.kind == .string else { throw .wrongType(place.member("role"), expected: "a string", got: .init(value.kind)) }
    guard let role = Message.Role(value) else {
      let path = place.member("role")
      throw RequestError(
        .invalidValue,
        "Invalid value for '\(path)': supported values are 'system', 'developer', 'user', 'assistant' and 'tool'.",
        param: path)
    }
    return role
  }

  private func decodeParts(_ parts: JSONValue, of place: ParameterPath, into message: inout Message) throws(RequestError) {
    var texts: [String] = []
    for (index, part) in parts.eachElement.enumerated() {
      let place = place.part(index)
      guard part.kind == .object else { throw .wrongType(place.text, expected: "an object", got: .init(part.kind)) }
      let fields = Fields(part, at: place)
      switch try fields.string("type") {
      case "text": texts.append(try required(fields, "text"))
      case "refusal": texts.append(try required(fields, "refusal"))
      case "image_url" where message.role == .user: message.images.append(try image(fields))
      case "image_url":
        throw RequestError(
          .invalidValue, "Invalid '\(place.text)': only messages of the role 'user' may hold images.", param: place.text)
      case nil:
        throw RequestError(.invalidValue, "Missing required parameter: '\(fields.path("type"))'.", param: fields.path("type"))
      case let type?:
        throw RequestError(
          .invalidValue,
          "Invalid value for '\(fields.path("type"))': '\(type)' is not supported; supported are 'text' and 'image_url'.",
          param: fields.path("type"))
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
    let inner = Fields(value, at: fields.place.object("image_url"))
    guard let url = inner.value("url") else {
      throw RequestError(.invalidValue, "Missing required parameter: '\(inner.path("url"))'.", param: inner.path("url"))
    }
    guard url.kind == .string else { throw .wrongType(inner.path("url"), expected: "a string", got: .init(url.kind)) }
    return try DataURL.image(url, body: body, limits: limits, path: inner.path("url"))
  }
}

extension Message.Role {
  /// Nil for a value that is no role. The commonest come first.
  fileprivate init?(_ value: JSONValue) {
    if value.isString("user") {
      self = .user
    } else if value.isString("assistant") {
      self = .assistant
    } else if value.isString("system") {
      self = .system
    } else if value.isString("developer") {
      self = .developer
    } else if value.isString("tool") {
      self = .tool
    } else if value.isString("function") {
      self = .function
    } else {
      return nil
    }
  }
}

import Wire

/// `{"error":{"message","type","param","code"}}`
public struct ErrorBody: Equatable, Sendable {
  public var message: String
  public var type: String
  public var param: String?
  public var code: String?

  public init(message: String, type: String, param: String? = nil, code: String?) {
    (self.message, self.type, self.param, self.code) = (message, type, param, code)
  }

  public func write(to buffer: ByteBuffer) {
    var writer = JSONWriter(buffer)
    writer.beginObject()
    writer.key("error")
    writer.beginObject()
    writer.key("message")
    writer.string(message)
    writer.key("type")
    writer.string(type)
    writer.key("param")
    if let param { writer.string(param) } else { writer.null() }
    writer.key("code")
    if let code { writer.string(code) } else { writer.null() }
    writer.endObject()
    writer.endObject()
  }
}

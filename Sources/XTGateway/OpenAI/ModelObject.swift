import Wire

/// One entry of `GET /v1/models`.
public struct ModelObject: Equatable, Sendable {
  public var id: String

  public init(id: String) { self.id = id }

  /// Models carry no date upstream; one that never changes keeps clients' caches quiet (2024-01-01T00:00:00Z).
  public static let created = 1_704_067_200

  public func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.key("id")
    writer.string(id)
    writer.key("object")
    writer.string("model")
    writer.key("created")
    writer.int(Self.created)
    writer.key("owned_by")
    writer.string("xstech")
    writer.endObject()
  }

  public static func writeList(_ models: [ModelObject], to buffer: ByteBuffer) {
    var writer = JSONWriter(buffer)
    writer.beginObject()
    writer.key("object")
    writer.string("list")
    writer.key("data")
    writer.beginArray()
    for model in models { model.write(to: &writer) }
    writer.endArray()
    writer.endObject()
  }
}

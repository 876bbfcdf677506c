/// The media types (RFC 9110, section 8.3.1) that anybody here tells apart: type and subtype in any case, parameters ignored.
public enum MediaType: Equatable, Sendable {
  /// There is none.
  case none
  case json
  /// A type that ends with `+json` (RFC 6839, section 3.1).
  case basedOnJSON
  case eventStream
  case html
  case other

  /// - Parameter contentType: a `Content-Type` value.
  public init(_ contentType: UnsafeRawBufferPointer) {
    var end = 0
    while end < contentType.count, contentType[end] != UInt8(ascii: ";"), contentType[end] != UInt8(ascii: " ") { end += 1 }
    let essence = UnsafeRawBufferPointer(rebasing: contentType[..<end])
    switch end {
    case 0: self = .none
    case 16 where ASCII.equalsIgnoringCase(essence, "application/json"): self = .json
    case 17 where ASCII.equalsIgnoringCase(essence, "text/event-stream"): self = .eventStream
    case 9 where ASCII.equalsIgnoringCase(essence, "text/html"): self = .html
    case 5... where ASCII.equalsIgnoringCase(UnsafeRawBufferPointer(rebasing: essence[(end - 5)...]), "+json"): self = .basedOnJSON
    default: self = .other
    }
  }

  public init(_ contentType: String) {
    var text = contentType
    self = text.withUTF8 { MediaType(UnsafeRawBufferPointer($0)) }
  }
}

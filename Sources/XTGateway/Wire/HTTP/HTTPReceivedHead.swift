/// What a client wants to know of a response's head.
public struct HTTPReceivedHead: Sendable, Equatable {
  public let status: Int
  /// As received, nil if absent.
  public let contentType: String?
  /// In seconds, of a numeric Retry-After.
  public let retryAfterSeconds: Int?
  public let contentEncoding: String?
  public let location: String?
  /// The body ends where the connection does: nobody can tell a whole one from one that was cut off (RFC 9112, section 8).
  public let endsWithConnection: Bool

  public init(
    status: Int, contentType: String?, retryAfterSeconds: Int? = nil, contentEncoding: String? = nil, location: String? = nil,
    endsWithConnection: Bool = false
  ) {
    self.endsWithConnection = endsWithConnection
    (self.status, self.contentType, self.retryAfterSeconds) = (status, contentType, retryAfterSeconds)
    (self.contentEncoding, self.location) = (contentEncoding, location)
  }
}

/// A response's fields, gathered one by one: those that are handed on, of which the first counts if one comes twice.
public struct HTTPReceivedFields {
  private var contentType: String?
  private var retryAfter: Int?
  private var contentEncoding: String?
  private var location: String?

  public init() {}

  public func head(status: Int, endsWithConnection: Bool = false) -> HTTPReceivedHead {
    HTTPReceivedHead(
      status: status, contentType: contentType, retryAfterSeconds: retryAfter, contentEncoding: contentEncoding, location: location,
      endsWithConnection: endsWithConnection)
  }

  /// `value` without white space around it.
  public mutating func note(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
    // Told apart by length first: most fields are of no interest.
    switch name.count {
    case 8 where location == nil && ASCII.equalsIgnoringCase(name, "location"): location = Self.text(value)
    case 11 where retryAfter == nil && ASCII.equalsIgnoringCase(name, "retry-after"): retryAfter = ASCII.decimal(value)
    case 12 where contentType == nil && ASCII.equalsIgnoringCase(name, "content-type"): contentType = Self.mediaType(value)
    case 16 where contentEncoding == nil && ASCII.equalsIgnoringCase(name, "content-encoding"): contentEncoding = Self.text(value)
    default: break
    }
  }

  private static func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }

  /// The usual ones are literals, which take no memory.
  private static func mediaType(_ bytes: UnsafeRawBufferPointer) -> String {
    switch bytes.count {
    case 16 where bytes.starts(withText: "application/json"): "application/json"
    case 17 where bytes.starts(withText: "text/event-stream"): "text/event-stream"
    default: text(bytes)
    }
  }
}

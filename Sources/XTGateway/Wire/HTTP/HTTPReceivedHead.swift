/// What a client wants to know of a response's head.
public struct HTTPReceivedHead: Sendable, Equatable {
  public let status: Int
  /// As received, nil if absent.
  public let contentType: String?
  private let rare: Rare?
  /// The body ends where the connection does: nobody can tell a whole one from one that was cut off (RFC 9112, section 8).
  public let endsWithConnection: Bool

  /// Apart, since few responses have any of it and every head is passed on a few times.
  private final class Rare: Sendable {
    let retryAfterSeconds: Int?
    let contentEncoding: String?
    let location: String?

    init(_ retryAfterSeconds: Int?, _ contentEncoding: String?, _ location: String?) {
      (self.retryAfterSeconds, self.contentEncoding, self.location) = (retryAfterSeconds, contentEncoding, location)
    }
  }

  public init(
    status: Int, contentType: String?, retryAfterSeconds: Int? = nil, contentEncoding: String? = nil, location: String? = nil,
    endsWithConnection: Bool = false
  ) {
    (self.status, self.contentType, self.endsWithConnection) = (status, contentType, endsWithConnection)
    let isPlain = retryAfterSeconds == nil && contentEncoding == nil && location == nil
    rare = isPlain ? nil : Rare(retryAfterSeconds, contentEncoding, location)
  }

  /// In seconds, of a numeric Retry-After.
  public var retryAfterSeconds: Int? { rare?.retryAfterSeconds }
  public var contentEncoding: String? { rare?.contentEncoding }
  public var location: String? { rare?.location }

  public static func == (one: HTTPReceivedHead, other: HTTPReceivedHead) -> Bool {
    one.status == other.status && one.contentType == other.contentType && one.endsWithConnection == other.endsWithConnection
      && one.retryAfterSeconds == other.retryAfterSeconds && one.contentEncoding == other.contentEncoding
      && one.location == other.location
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

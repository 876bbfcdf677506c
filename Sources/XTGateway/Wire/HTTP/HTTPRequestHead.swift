/// A request's head, valid by RFC 9112 with the choices of `docs/architecture.md`.
public struct HTTPRequestHead: Sendable {
  public enum Framing: Equatable, Sendable { case none, length(Int), chunked }
  public let method: HTTPMethod
  /// The path of the target, percent-encoding as received: "/v1/models"; "*" for the asterisk form, "host:port" for CONNECT.
  public let path: String
  /// What follows the first `?`, without it; nil if there was none.
  public let query: String?
  /// 0 or 1, of HTTP/1.x; a later minor version counts as 1 (RFC 9110, section 2.5).
  public let minorVersion: Int
  public private(set) var headers: HTTPHeaders
  public let framing: Framing
  /// Whether the client waits for a `100 Continue` before it sends the body. Never in HTTP/1.0 (RFC 9110, section 10.1.1).
  public let expectsContinue: Bool
  /// Whether it expects anything else, which is answered 417.
  public let hasUnknownExpectation: Bool
  /// Whether the client lets the connection be used again.
  public let keepsAlive: Bool
  /// The authority of a target in absolute form; nil in every other form.
  let targetAuthority: String?

  /// The host (and port) that the request is for: the target's in absolute form, else the `Host` field's (RFC 9112, section 3.2.2).
  public var authority: String? { targetAuthority ?? headers["host"] }

  /// For a request that is answered for long: its fields are most of what it takes.
  public mutating func dropHeaders() { headers = HTTPHeaders() }
}

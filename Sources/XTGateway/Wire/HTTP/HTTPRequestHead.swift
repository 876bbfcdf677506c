/// A request's head, valid by RFC 9112 with the choices of `docs/architecture.md`.
package struct HTTPRequestHead: Sendable {
  package enum Framing: Equatable, Sendable { case none, length(Int), chunked }
  package let method: HTTPMethod
  /// The path of the target, percent-encoding as received: "/v1/models"; "*" for the asterisk form, "host:port" for CONNECT.
  package let path: String
  /// What follows the first `?`, without it; nil if there was none.
  package let query: String?
  /// 0 or 1, of HTTP/1.x; a later minor version counts as 1 (RFC 9110, section 2.5).
  package let minorVersion: Int
  package private(set) var headers: HTTPHeaders
  package let framing: Framing
  /// Whether the client waits for a `100 Continue` before it sends the body. Never in HTTP/1.0 (RFC 9110, section 10.1.1).
  package let expectsContinue: Bool
  /// Whether it expects anything else, which is answered 417.
  package let hasUnknownExpectation: Bool
  /// Whether the client lets the connection be used again.
  package let keepsAlive: Bool
  /// The authority of a target in absolute form; nil in every other form.
  let targetAuthority: String?

  /// The host (and port) that the request is for: the target's in absolute form, else the `Host` field's (RFC 9112, section 3.2.2).
  package var authority: String? { targetAuthority ?? headers["host"] }

  /// For a request that is answered for long: its fields are most of what it takes.
  package mutating func dropHeaders() { headers = HTTPHeaders() }
}

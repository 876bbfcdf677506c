/// A request method. `other` is a valid token that this server does not know.
package enum HTTPMethod: Equatable, Sendable {
  case get, head, post, put, delete, options, patch, trace, connect
  case other(String)
  package var text: String { fatalError("stub") }
}

/// Header fields in their order, as one block of bytes and an index over it.
package struct HTTPHeaders: Sendable {
  package init() { fatalError("stub") }
  package var count: Int { fatalError("stub") }
  /// Value of the first field called `name` (case-insensitive), outer white space removed, bytes read as UTF-8; nil if there is none.
  package subscript(_ name: StaticString) -> String? { fatalError("stub") }
  /// All values of `name` in order.
  package func all(_ name: StaticString) -> [String] { fatalError("stub") }
  /// Runs `body` on the value's bytes without copying them; nil if there is no such field.
  package func withValue<R>(_ name: StaticString, _ body: (UnsafeRawBufferPointer) -> R) -> R? { fatalError("stub") }
  /// For tests and simulators: every field, names as received.
  package var fields: [(name: String, value: String)] { fatalError("stub") }
}

/// A request's head, valid by RFC 9112 with the choices of `docs/architecture.md`.
package struct HTTPRequestHead: Sendable {
  package enum Framing: Equatable, Sendable { case none, length(Int), chunked }
  package let method: HTTPMethod
  /// The path of the target, percent-encoding as received: "/v1/models"; "*" for the asterisk form.
  package let path: String
  /// What follows the first `?`, without it; nil if there was none.
  package let query: String?
  /// 0 or 1, of HTTP/1.x.
  package let minorVersion: Int
  package let headers: HTTPHeaders
  package let framing: Framing
  package let expectsContinue: Bool
  /// Whether the client lets the connection be used again.
  package let keepsAlive: Bool
}

/// The head of a response. Values are cleaned: control bytes, CR and LF included, become spaces, so that nothing can be injected.
package struct HTTPResponseHead {
  package var status: Int
  package init(status: Int) { fatalError("stub") }
  package mutating func add(_ name: StaticString, _ value: String) { fatalError("stub") }
  package mutating func add(_ name: StaticString, _ value: StaticString) { fatalError("stub") }
  /// Complete lines, each with its CRLF, made once and reused (`"cache-control: no-cache\r\n"`). Not checked.
  package mutating func add(lines: StaticString) { fatalError("stub") }
}

/// A request method. `other` is a valid token that this server does not know.
public enum HTTPMethod: Equatable, Sendable {
  case get, head, post, put, delete, options, patch, trace, connect
  case other(String)

  public var text: String {
    switch self {
    case .get: "GET"
    case .head: "HEAD"
    case .post: "POST"
    case .put: "PUT"
    case .delete: "DELETE"
    case .options: "OPTIONS"
    case .patch: "PATCH"
    case .trace: "TRACE"
    case .connect: "CONNECT"
    case .other(let name): name
    }
  }

  /// Methods are case-sensitive (RFC 9110, section 9.1): `get` is a token that nobody knows.
  init(token: UnsafeRawBufferPointer) {
    switch token.count {
    case 3 where token.starts(withText: "GET"): self = .get
    case 3 where token.starts(withText: "PUT"): self = .put
    case 4 where token.starts(withText: "POST"): self = .post
    case 4 where token.starts(withText: "HEAD"): self = .head
    case 5 where token.starts(withText: "PATCH"): self = .patch
    case 5 where token.starts(withText: "TRACE"): self = .trace
    case 6 where token.starts(withText: "DELETE"): self = .delete
    case 7 where token.starts(withText: "OPTIONS"): self = .options
    case 7 where token.starts(withText: "CONNECT"): self = .connect
    default: self = .other(String(decoding: token, as: UTF8.self))
    }
  }
}

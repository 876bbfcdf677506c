/// A request method. `other` is a valid token that this server does not know.
package enum HTTPMethod: Equatable, Sendable {
  case get, head, post, put, delete, options, patch, trace, connect
  case other(String)

  package var text: String {
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
    let text = String(decoding: token, as: UTF8.self)
    switch text {
    case "GET": self = .get
    case "HEAD": self = .head
    case "POST": self = .post
    case "PUT": self = .put
    case "DELETE": self = .delete
    case "OPTIONS": self = .options
    case "PATCH": self = .patch
    case "TRACE": self = .trace
    case "CONNECT": self = .connect
    default: self = .other(text)
    }
  }
}

import Wire

/// The calls the gateway makes (`docs/upstream-protocol.md`, "Calls").
public enum Call: Sendable {
  case models
  case createSession(model: String)
  case updateSession(id: Int)
  case deleteSessions(ids: [Int])
  case clearContext(id: Int)
  case listSessions(page: Int)
  case completion
  case login
  /// The account's credits.
  case plans(page: Int)

  public enum Method: Sendable { case get, post, put, delete }

  public var method: Method {
    switch self {
    case .models, .listSessions, .plans: .get
    case .createSession, .clearContext, .completion, .login: .post
    case .updateSession: .put
    case .deleteSessions: .delete
    }
  }

  /// Path and query, to be put behind the base URL.
  public var path: String {
    switch self {
    case .models: return "/api/chat/tmpl"
    case .createSession: return "/api/chat/session"
    case .updateSession(let id): return Self.path("/api/chat/session/", id)
    case .deleteSessions(let ids):
      if ids.count == 1 { return "/api/chat/session/\(ids[0])" }
      // `[` and `]` are not allowed as they stand in a query (RFC 3986, section 3.4).
      let path = ByteBuffer(capacity: 32 + ids.count * 20)
      path.append("/api/chat/session/batch?")
      for (index, id) in ids.enumerated() {
        if index > 0 { path.append("&") }
        path.append("ids%5B%5D=")
        path.append(decimal: id)
      }
      return path.text
    case .clearContext(let id): return "/api/chat/context-clear/\(id)"
    case .listSessions(let page): return "/api/chat/session?page=\(page)"
    case .completion: return "/api/chat/completions"
    case .login: return "/api/user/login"
    case .plans(let page): return "/api/user_plan?page=\(page)"
    }
  }

  /// `prefix` and the number behind it, put together in one piece of memory.
  private static func path(_ prefix: StaticString, _ id: Int) -> String {
    var (rest, digits) = (id.magnitude, id < 0 ? 2 : 1)
    while rest >= 10 { (rest, digits) = (rest / 10, digits + 1) }
    let length = prefix.utf8CodeUnitCount + digits
    return String(unsafeUninitializedCapacity: length) { text in
      UnsafeMutableRawBufferPointer(text).copyMemory(
        from: UnsafeRawBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount))
      if id < 0 { text[prefix.utf8CodeUnitCount] = UInt8(ascii: "-") }
      var (rest, index) = (id.magnitude, length)
      repeat {
        index -= 1
        text[index] = UInt8(ascii: "0") + UInt8(rest % 10)
        rest /= 10
      } while rest > 0
      return length
    }
  }

  /// Whether a second sending does no harm. Of a session that is made twice nobody uses the first, which costs nothing; a request that
  /// fails because a kept connection had just died does.
  public var isIdempotent: Bool {
    switch self {
    case .models, .createSession, .updateSession, .deleteSessions, .clearContext, .listSessions, .login, .plans: true
    case .completion: false
    }
  }

  /// The call's name in metrics and logs.
  public var name: String {
    switch self {
    case .models: "models"
    case .createSession: "create_session"
    case .updateSession: "update_session"
    case .deleteSessions: "delete_sessions"
    case .clearContext: "clear_context"
    case .listSessions: "list_sessions"
    case .completion: "completion"
    case .login: "login"
    case .plans: "plans"
    }
  }

  /// The body of `createSession`.
  public static func createSessionBody(model: String) -> ByteBuffer {
    let body = ByteBuffer(capacity: model.utf8.count + 64)
    body.append(#"{"model":"#)
    var writer = JSONWriter(body)
    writer.string(model)
    body.append(#","plugins":[],"mcp":[],"webSearch":false}"#)
    return body
  }
}

extension Call {
  /// The body of `login`.
  public static func loginBody(account: String, password: String) -> ByteBuffer {
    let body = ByteBuffer()
    var writer = JSONWriter(body)
    writer.beginObject()
    for (name, text) in [("account", account), ("password", password), ("code", ""), ("captcha", ""), ("invite", "")] {
      writer.key(name)
      writer.string(text)
    }
    writer.key("agreement")
    writer.bool(true)
    writer.key("captchaId")
    writer.string("")
    writer.endObject()
    return body
  }
}

/// Header lines of every request.
public struct RequestHeaders: Sendable {
  public var authorization: String
  public var appVersion: String
  public var userAgent: String
  /// Scheme and authority of the upstream: `https://xstech.one`.
  public var origin: String

  public init(authorization: String, appVersion: String, userAgent: String, origin: String) {
    (self.authorization, self.appVersion) = (authorization, appVersion)
    (self.userAgent, self.origin) = (userAgent, origin)
  }

  public func lines(accept: String, hasBody: Bool) -> [String] {
    var lines = authorization.isEmpty ? [] : ["authorization: \(authorization)"]
    lines += [
      "x-app-version: \(appVersion)", "accept: \(accept)", "origin: \(origin)",
      "referer: \(origin)/chat", "user-agent: \(userAgent)",
    ]
    if hasBody { lines.append("content-type: application/json") }
    return lines
  }
}

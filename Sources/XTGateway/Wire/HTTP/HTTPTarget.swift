/// A request target in one of its four forms (RFC 9112, section 3.2).
struct HTTPTarget {
  let path: String
  let query: String?
  /// Of the absolute form.
  let authority: String?

  init(_ target: UnsafeRawBufferPointer, method: HTTPMethod) throws(HTTPRequestError) {
    for byte in target where !HTTPCharacters.isTarget(byte) { throw .malformed("the target holds a character that is not allowed") }
    if method == .connect {
      guard HTTPAuthority.isValid(target, needsPort: true) else { throw .malformed("CONNECT needs a host and a port") }
      path = String(decoding: target, as: UTF8.self)
      (query, authority) = (nil, path)
    } else if target[0] == UInt8(ascii: "/") {
      (path, query) = Self.split(target)
      authority = nil
    } else if target.count == 1, target[0] == UInt8(ascii: "*"), method == .options {
      (path, query, authority) = ("*", nil, nil)
    } else {
      let rest = try Self.afterScheme(target)
      let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.count
      let host = UnsafeRawBufferPointer(rebasing: rest[..<end])
      // An http URI with an empty host must be rejected (RFC 9110, section 4.2.1).
      guard !host.isEmpty, host[0] != UInt8(ascii: ":"), HTTPAuthority.isValid(host) else {
        throw .malformed("the target's host is not valid")
      }
      authority = String(decoding: host, as: UTF8.self)
      let parts = Self.split(UnsafeRawBufferPointer(rebasing: rest[end...]))
      // `OPTIONS http://host` means the server as a whole (RFC 9112, section 3.2.4).
      path = parts.path.isEmpty ? (method == .options && parts.query == nil ? "*" : "/") : parts.path
      query = parts.query
    }
  }

  private static func split(_ target: UnsafeRawBufferPointer) -> (path: String, query: String?) {
    guard let mark = target.firstIndex(of: UInt8(ascii: "?")) else { return (String(decoding: target, as: UTF8.self), nil) }
    return (String(decoding: target[..<mark], as: UTF8.self), String(decoding: target[(mark + 1)...], as: UTF8.self))
  }

  private static func afterScheme(_ target: UnsafeRawBufferPointer) throws(HTTPRequestError) -> UnsafeRawBufferPointer {
    for scheme: StaticString in ["http://", "https://"] {
      let length = scheme.utf8CodeUnitCount
      guard target.count >= length else { continue }
      if ASCII.equalsIgnoringCase(UnsafeRawBufferPointer(rebasing: target[..<length]), scheme) {
        return UnsafeRawBufferPointer(rebasing: target[length...])
      }
    }
    throw .malformed("the target is neither a path nor an http URL")
  }
}

/// `uri-host [ ":" port ]` (RFC 9110, section 7.2; RFC 3986, section 3.2.2), without user information.
enum HTTPAuthority {
  static func isValid(_ text: UnsafeRawBufferPointer, needsPort: Bool = false) -> Bool {
    var end = 0
    if let first = text.first, first == UInt8(ascii: "[") {
      guard let closing = text.firstIndex(of: UInt8(ascii: "]")), closing > 1 else { return false }
      for byte in text[1..<closing] where !HTTPCharacters.isHostName(byte) && byte != UInt8(ascii: ":") { return false }
      end = closing + 1
    } else {
      while end < text.count, HTTPCharacters.isHostName(text[end]) { end += 1 }
    }
    guard end < text.count else { return !needsPort }
    guard text[end] == UInt8(ascii: ":") else { return false }
    let port = text[(end + 1)...]
    for byte in port where !HTTPCharacters.isDigit(byte) { return false }
    return port.count <= 5 && !(needsPort && port.isEmpty)
  }
}

import Wire

/// An account's token. Most are JWTs (RFC 7519), whose payload tells whose they are and when they end; others tell nothing.
/// The signature is not looked at: only the upstream can judge it.
public struct AccountToken: Sendable {
  public let userID: String?
  /// Unix seconds; nil: unknown.
  public let expiresAt: Int?

  /// - Parameter authorization: as sent, with or without `Bearer `.
  public init(_ authorization: String) {
    let token = authorization.lowercased().hasPrefix("bearer ") ? String(authorization.dropFirst(7)) : authorization
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, let bytes = Array(parts[1].utf8).withUnsafeBytes(Base64.decodeURL) else {
      (userID, expiresAt) = (nil, nil)
      return
    }
    (userID, expiresAt) = bytes.withUnsafeBytes { bytes in
      // A token that only looks like a JWT is legal, too.
      guard let document = try? JSONDocument(parsing: bytes), document.root.kind == .object else { return (nil, nil) }
      let user = document.root["userId"]
      return (user?.string ?? user?.int.map(String.init), document.root["exp"]?.int)
    }
  }
}

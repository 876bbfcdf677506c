import HTTPServer
import Wire

/// The keys that clients may use.
struct APIKeys {
  enum Verdict: Equatable {
    /// No keys are configured: everybody may.
    case anonymous
    /// Where it stands in the configuration.
    case key(Int)
    case refused
  }

  private let keys: [Configuration.APIKey]

  init(_ keys: [Configuration.APIKey]) { self.keys = keys }

  func check(_ headers: HTTPHeaders) -> Verdict {
    guard !keys.isEmpty else { return .anonymous }
    guard let offered = Self.offered(headers) else { return .refused }
    // Every key is looked at, in full, whichever matches: the time taken tells nothing.
    var match: Int?
    for (index, key) in keys.enumerated() where Self.areEqual(key.key, offered) { match = index }
    return match.map(Verdict.key) ?? .refused
  }

  private static func offered(_ headers: HTTPHeaders) -> String? { bearer(headers) ?? headers["x-api-key"] }

  /// `Authorization: Bearer …` (RFC 6750, section 2.1; the scheme in any case).
  static func bearer(_ headers: HTTPHeaders) -> String? {
    guard let parts = headers["authorization"]?.split(separator: " ", maxSplits: 1), parts.count == 2 else { return nil }
    return parts[0].lowercased() == "bearer" ? String(parts[1].drop { $0 == " " }) : nil
  }

  /// Takes time by the offered key's length alone.
  static func areEqual(_ key: String, _ offered: String) -> Bool {
    let (key, offered) = (Array(key.utf8), Array(offered.utf8))
    var difference: UInt8 = key.count == offered.count ? 0 : 1
    for index in offered.indices { difference |= offered[index] ^ (key.isEmpty ? 0 : key[index % key.count]) }
    return difference == 0
  }
}

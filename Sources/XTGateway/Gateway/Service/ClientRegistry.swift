import HTTPServer
import Wire

/// Who asks: one of the API keys, or anybody where none are configured.
struct ClientIdentity {
  /// The client's place in the registry, which it keeps; -1: anybody.
  let index: Int
  /// The key's name, for logs.
  let name: String?
  /// The beginning of every conversation's digest: conversations of two keys never meet.
  let digest: ConversationKey
}

/// The keys that clients may use, and what each may still do.
struct ClientRegistry {
  enum Verdict {
    case client(ClientIdentity)
    case refused
  }

  private struct Entry {
    var key: Configuration.APIKey
    var limiter: KeyLimiter
    /// False: no longer configured; its running requests still count.
    var isValid = true
    let digest: ConversationKey
    let secret: SecretDigest
  }

  private let digest: ConversationDigest
  private let anybody: ClientIdentity
  private var entries: [Entry] = []
  private var isOpen = true

  init(_ digest: ConversationDigest) {
    self.digest = digest
    anybody = ClientIdentity(index: -1, name: nil, digest: digest.start(identity: ""))
  }

  /// Takes the configured keys; those that stay keep their place and what they have used.
  mutating func configure(_ keys: [Configuration.APIKey], now: UInt64) {
    isOpen = keys.isEmpty
    for index in entries.indices { entries[index].isValid = false }
    for key in keys {
      if let index = entries.firstIndex(where: { $0.key.key == key.key }) {
        entries[index].key = key
        entries[index].limiter.configure(.init(key), now: now)
        entries[index].isValid = true
      } else {
        entries.append(
          Entry(
            key: key, limiter: KeyLimiter(.init(key), now: now), digest: digest.start(identity: "key:" + key.key),
            secret: SecretDigest(key.key)))
      }
    }
  }

  func check(_ headers: HTTPHeaders) -> Verdict {
    guard !isOpen else { return .client(anybody) }
    guard let offered = Self.bearer(headers) ?? headers["x-api-key"] else { return .refused }
    // Every key is looked at, whichever matches: the time taken tells nothing.
    let secret = SecretDigest(offered)
    var match: Int?
    for (index, entry) in entries.enumerated() where entry.secret.matches(secret) && entry.isValid { match = index }
    return match.map { .client(ClientIdentity(index: $0, name: entries[$0].key.name, digest: entries[$0].digest)) } ?? .refused
  }

  /// A chat begins, or is refused; what began has to end.
  mutating func begin(_ client: ClientIdentity, now: UInt64) -> KeyLimiter.Refusal? {
    client.index >= 0 ? entries[client.index].limiter.begin(now) : nil
  }

  mutating func end(_ client: ClientIdentity) {
    if client.index >= 0 { entries[client.index].limiter.end() }
  }

  mutating func status(_ client: ClientIdentity, now: UInt64) -> KeyLimiter.Status? {
    client.index >= 0 ? entries[client.index].limiter.status(now) : nil
  }

  /// `Authorization: Bearer …` (RFC 6750, section 2.1; the scheme in any case).
  static func bearer(_ headers: HTTPHeaders) -> String? {
    guard let parts = headers["authorization"]?.split(separator: " ", maxSplits: 1), parts.count == 2 else { return nil }
    return parts[0].lowercased() == "bearer" ? String(parts[1].drop { $0 == " " }) : nil
  }
}

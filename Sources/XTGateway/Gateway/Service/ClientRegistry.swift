import HTTPServer
import Wire

/// Who asks: one of the API keys, or anybody where none are configured.
struct ClientIdentity: Sendable {
  /// The client's place in the registry, which it keeps; -1: anybody.
  let index: Int
  /// The key's name, for logs.
  let name: String?
  /// The beginning of every conversation's digest: conversations of two keys never meet.
  let digest: ConversationKey
}

/// The keys that clients may use. A value that every loop has its own copy of; a key keeps its place for good.
struct ClientKeys: Sendable {
  enum Verdict {
    case client(ClientIdentity)
    case refused
  }

  fileprivate struct Entry: Sendable {
    var key: Configuration.APIKey
    /// False: no longer configured; its running requests still count.
    var isValid = true
    let digest: ConversationKey
    let secret: SecretDigest
  }

  private let anybody: ClientIdentity
  fileprivate var entries: [Entry] = []
  fileprivate var isOpen = true

  fileprivate init(_ digest: ConversationDigest) {
    anybody = ClientIdentity(index: -1, name: nil, digest: digest.start(identity: ""))
  }

  func check(_ headers: HTTPHeaders) -> Verdict {
    guard !isOpen else { return .client(anybody) }
    guard let secret = Self.bearer(headers) ?? headers.withValue("x-api-key", { SecretDigest($0) }) else { return .refused }
    // Every key is looked at, whichever matches: the time taken tells nothing.
    var match: Int?
    for (index, entry) in entries.enumerated() where entry.secret.matches(secret) && entry.isValid { match = index }
    return match.map { .client(ClientIdentity(index: $0, name: entries[$0].key.name, digest: entries[$0].digest)) } ?? .refused
  }

  /// What is offered in `Authorization: Bearer …` (RFC 6750, section 2.1; the scheme in any case).
  static func bearer(_ headers: HTTPHeaders) -> SecretDigest? {
    headers.withValue("authorization") { value -> SecretDigest? in
      let scheme = UnsafeRawBufferPointer(rebasing: value.prefix(7))
      guard ASCII.equalsIgnoringCase(scheme, "bearer ") else { return nil }
      return SecretDigest(UnsafeRawBufferPointer(rebasing: value.dropFirst(7).drop { $0 == UInt8(ascii: " ") }))
    } ?? nil
  }
}

/// The keys, and what each may still do on all loops together.
struct ClientRegistry: Sendable {
  private let digest: ConversationDigest
  private(set) var keys: ClientKeys
  /// In the keys' places.
  private var limiters: [KeyLimiter] = []

  init(_ digest: ConversationDigest) {
    self.digest = digest
    keys = ClientKeys(digest)
  }

  /// Takes the configured keys; those that stay keep their place and what they have used.
  mutating func configure(_ configured: [Configuration.APIKey], now: UInt64) {
    keys.isOpen = configured.isEmpty
    for index in keys.entries.indices { keys.entries[index].isValid = false }
    for key in configured {
      if let index = keys.entries.firstIndex(where: { $0.key.key == key.key }) {
        keys.entries[index].key = key
        keys.entries[index].isValid = true
        limiters[index].configure(.init(key), now: now)
      } else {
        keys.entries.append(
          .init(key: key, digest: digest.start(identity: "key:" + key.key), secret: SecretDigest(key.key)))
        limiters.append(KeyLimiter(.init(key), now: now))
      }
    }
  }

  /// A chat begins, or is refused; what began has to end.
  mutating func begin(_ client: ClientIdentity, now: UInt64) -> KeyLimiter.Refusal? {
    client.index >= 0 ? limiters[client.index].begin(now) : nil
  }

  mutating func end(_ client: ClientIdentity) {
    if client.index >= 0 { limiters[client.index].end() }
  }

  mutating func status(_ client: ClientIdentity, now: UInt64) -> KeyLimiter.Status? {
    client.index >= 0 ? limiters[client.index].status(now) : nil
  }
}

import Wire

/// A key as it is compared: not its bytes but a digest of them, under a key of this process that nobody knows. However alike two keys
/// are, their digests are not, and two words are compared whole: the time that takes tells nothing but the offered key's length.
struct SecretDigest: Sendable {
  private static let key = SipHash128.Key(k0: .random(in: 0 ... .max), k1: .random(in: 0 ... .max))

  let high: UInt64
  let low: UInt64

  init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }

  init(_ secret: UnsafeRawBufferPointer) {
    var hash = SipHash128(key: Self.key)
    hash.update(secret)
    let digest = hash.finalize()
    (high, low) = (digest.high, digest.low)
  }

  init(_ secret: String) {
    var secret = secret
    self = secret.withUTF8 { SecretDigest(UnsafeRawBufferPointer($0)) }
  }

  func matches(_ other: SecretDigest) -> Bool { (high ^ other.high) | (low ^ other.low) == 0 }
}

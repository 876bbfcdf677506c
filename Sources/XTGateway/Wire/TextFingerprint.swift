/// A quick fingerprint of a text that comes in pieces: equal texts have equal ones however they were split, different texts have
/// different ones but for an accident (one in 2^64 or so). Not a defence against someone who knows the seed.
public struct TextFingerprint: Sendable {
  public struct Value: Equatable, Sendable {
    let hash: UInt64
    let count: Int
  }

  private var hash: UInt64
  private var words = WordStream()

  public init(seed: UInt64) { hash = seed }

  /// In bytes.
  public var count: Int { words.count }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var hash = hash
    words.feed(bytes) { hash = Self.mix(hash, $0) }
    self.hash = hash
  }

  /// Of what came so far; more may follow.
  public var value: Value { Value(hash: Self.mix(hash, words.tail), count: count) }

  /// A full multiplication folded in half spreads every bit over the whole word.
  @inline(__always) private static func mix(_ hash: UInt64, _ word: UInt64) -> UInt64 {
    let product = (hash ^ word ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
    return product.high ^ product.low ^ word &* 0xFF51_AFD7_ED55_8CCD
  }
}

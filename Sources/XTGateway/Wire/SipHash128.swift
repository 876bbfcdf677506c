/// SipHash-2-4 with 128 bits of output: a keyed digest that nobody without the key can aim at (Aumasson and Bernstein,
/// "SipHash: a fast short-input PRF", and its 128-bit variant in the authors' reference implementation).
public struct SipHash128: Sendable {
  public struct Key: Sendable, Equatable {
    public var k0: UInt64, k1: UInt64
    public init(k0: UInt64, k1: UInt64) { (self.k0, self.k1) = (k0, k1) }
  }

  /// `low` holds the first eight bytes of the reference implementation's output, `high` the last eight, both little-endian.
  public struct Digest: Hashable, Sendable {
    public var high: UInt64, low: UInt64
    public init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }
  }

  private var state: State
  private var words = WordStream()

  public init(key: Key) {
    state = State(
      v0: key.k0 ^ 0x736f_6d65_7073_6575, v1: key.k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
      v2: key.k0 ^ 0x6c79_6765_6e65_7261, v3: key.k1 ^ 0x7465_6462_7974_6573)
  }

  /// Incremental: any split of the same bytes gives the same digest.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var state = state
    words.feed(bytes) { state.compress($0) }
    self.state = state
  }

  public mutating func update(_ byte: UInt8) { withUnsafeBytes(of: byte) { update($0) } }

  public mutating func update(_ text: String) {
    var text = text
    text.withUTF8 { update(UnsafeRawBufferPointer($0)) }
  }

  /// The digest of what was fed so far; feeding may go on afterwards.
  public func finalize() -> Digest {
    var state = state
    state.compress(words.tail | UInt64(truncatingIfNeeded: words.count & 0xFF) << 56)
    state.v2 ^= 0xee
    for _ in 0..<4 { state.round() }
    let low = state.v0 ^ state.v1 ^ state.v2 ^ state.v3
    state.v1 ^= 0xdd
    for _ in 0..<4 { state.round() }
    return Digest(high: state.v0 ^ state.v1 ^ state.v2 ^ state.v3, low: low)
  }

  private struct State {
    var v0: UInt64, v1: UInt64, v2: UInt64, v3: UInt64

    @inline(__always) mutating func compress(_ word: UInt64) {
      v3 ^= word
      round()
      round()
      v0 ^= word
    }

    @inline(__always) mutating func round() {
      v0 &+= v1
      v1 = Self.rotate(v1, 13) ^ v0
      v0 = Self.rotate(v0, 32)
      v2 &+= v3
      v3 = Self.rotate(v3, 16) ^ v2
      v0 &+= v3
      v3 = Self.rotate(v3, 21) ^ v0
      v2 &+= v1
      v1 = Self.rotate(v1, 17) ^ v2
      v2 = Self.rotate(v2, 32)
    }

    @inline(__always) private static func rotate(_ word: UInt64, _ by: UInt64) -> UInt64 { word &<< by | word &>> (64 &- by) }
  }
}

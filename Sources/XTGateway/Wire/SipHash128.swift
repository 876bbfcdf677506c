/// SipHash-2-4 with 128 bits of output: a keyed digest that nobody without the key can aim at (Aumasson and Bernstein,
/// "SipHash: a fast short-input PRF", and its 128-bit variant in the authors' reference implementation).
package struct SipHash128: Sendable {
  package struct Key: Sendable, Equatable {
    package var k0: UInt64, k1: UInt64
    package init(k0: UInt64, k1: UInt64) { (self.k0, self.k1) = (k0, k1) }
  }
  package struct Digest: Hashable, Sendable {
    package var high: UInt64, low: UInt64
    package init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }
  }
  package init(key: Key) { fatalError("stub") }
  /// Incremental: any split of the same bytes gives the same digest.
  package mutating func update(_ bytes: UnsafeRawBufferPointer) { fatalError("stub") }
  package mutating func update(_ byte: UInt8) { fatalError("stub") }
  package mutating func update(_ text: String) { fatalError("stub") }
  /// The digest of what was fed so far; feeding may go on afterwards.
  package func finalize() -> Digest { fatalError("stub") }
}

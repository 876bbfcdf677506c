/// A quick fingerprint of a text that comes in pieces: equal texts have equal ones however they were split, different texts have
/// different ones but for an accident (one in 2^64 or so). Not a defence against someone who knows the seed.
package struct TextFingerprint: Sendable {
  package struct Value: Equatable, Sendable {
    let hash: UInt64
    let count: Int
  }

  private var hash: UInt64
  /// Bytes that make no whole word yet, the first in the lowest place.
  private var tail: UInt64 = 0
  /// In bytes.
  package private(set) var count = 0

  package init(seed: UInt64) { hash = seed }

  package mutating func update(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    let shift = UInt64(count & 7) * 8
    var index = 0
    while index + 8 <= bytes.count {
      let word = ByteScan.word(base, index)
      mix(shift == 0 ? word : tail | word << shift)
      if shift != 0 { tail = word >> (64 - shift) }
      index += 8
    }
    count &+= index
    let rest = bytes.count - index
    guard rest > 0 else { return }
    let word = ByteScan.lastBytes(base, bytes.count, rest)
    tail |= word << shift
    if count & 7 + rest >= 8 {
      mix(tail)
      tail = shift == 0 ? 0 : word >> (64 - shift)
    }
    count &+= rest
  }

  /// Of what came so far; more may follow.
  package var value: Value {
    var last = self
    last.mix(tail)
    return Value(hash: last.hash, count: count)
  }

  /// A full multiplication folded in half spreads every bit over the whole word.
  @inline(__always) private mutating func mix(_ word: UInt64) {
    let product = (hash ^ word ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
    hash = product.high ^ product.low ^ word &* 0xFF51_AFD7_ED55_8CCD
  }
}

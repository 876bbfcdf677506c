/// Cuts bytes that come in pieces into words of eight bytes, the first in the lowest place: the same words however the bytes were split.
struct WordStream: Sendable {
  /// Bytes that make no whole word yet, zeros above them.
  private(set) var tail: UInt64 = 0
  /// How many bytes were fed; the lowest three bits say how many of them are in `tail`.
  private(set) var count = 0

  @inline(__always) mutating func feed(_ bytes: UnsafeRawBufferPointer, _ take: (UInt64) -> Void) {
    guard let base = bytes.baseAddress else { return }
    let shift = UInt64(count & 7) &* 8
    var index = 0
    if shift == 0 {
      while index &+ 8 <= bytes.count {
        take(ByteScan.word(base, index))
        index &+= 8
      }
    } else {
      while index &+ 8 <= bytes.count {
        let word = ByteScan.word(base, index)
        take(tail | word &<< shift)
        tail = word &>> (64 &- shift)
        index &+= 8
      }
    }
    let rest = bytes.count &- index
    if rest > 0 {
      let word = ByteScan.lastBytes(base, bytes.count, rest)
      tail |= word &<< shift
      if count & 7 &+ rest >= 8 {
        take(tail)
        tail = shift == 0 ? 0 : word &>> (64 &- shift)
      }
    }
    count &+= bytes.count
  }
}

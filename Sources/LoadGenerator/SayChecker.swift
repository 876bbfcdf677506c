import Wire

/// Follows the text of an answer to the simulator's `@say COUNT BYTES`: every piece must be there, whole, in order and with
/// the same padding. The text may come cut anywhere. A pure value but for its buffer.
struct SayChecker {
  private let count: Int
  private let bytes: Int
  private var padding: [UInt8] = []
  private let pending = ByteBuffer()
  private(set) var pieces = 0
  private(set) var isWrong = false

  /// Length of `t=<16 digits>;n=<6 digits>;`.
  private static let headBytes = 28

  init(count: Int, bytes: Int) { (self.count, self.bytes) = (count, bytes) }

  /// Hands out the stamp of each piece that is complete now.
  mutating func feed(_ text: UnsafeRawBufferPointer, _ onPiece: (_ stamp: UInt64) -> Void) {
    pending.append(text)
    while pending.count >= bytes, !isWrong {
      guard let stamp = check(UnsafeRawBufferPointer(rebasing: pending.bytes[..<bytes])) else {
        isWrong = true
        return
      }
      onPiece(stamp)
      pieces += 1
      pending.consume(bytes)
    }
  }

  /// Whether there is no part of a piece.
  var holdsNothing: Bool { pending.isEmpty }
  /// Whether what comes next begins a piece of the answer.
  var awaitsPiece: Bool { !isWrong && pieces < count && holdsNothing }

  /// Counts a piece that came whole and is known to be right.
  mutating func take() { pieces += 1 }

  /// Whether the whole answer came, and nothing more.
  var isWhole: Bool { !isWrong && pieces == count && pending.isEmpty }

  private mutating func check(_ piece: UnsafeRawBufferPointer) -> UInt64? {
    func at(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: piece[range]) }
    guard at(0..<2).elementsEqual("t=".utf8), at(18..<21).elementsEqual(";n=".utf8), piece[27] == UInt8(ascii: ";"),
      let stamp = ASCII.decimal(at(2..<18)), ASCII.decimal(at(21..<27)) == pieces, pieces < count
    else { return nil }
    let rest = at(Self.headBytes..<bytes)
    if pieces == 0 { padding = Array(rest) }
    return padding.withUnsafeBytes { $0.elementsEqual(rest) } ? UInt64(stamp) : nil
  }
}

import Wire

/// An event that was read in full and held one whole numbered piece: the next one that is the same byte for byte, but for the piece's stamp
/// and number, needs no parser to be judged alike. A load generator that is slow is what would be measured. A pure value.
struct EventPattern {
  /// Of `t=<16 digits>;n=<6 digits>;`, from where the piece begins.
  private static let stamp = 2..<18
  private static let number = 21..<27

  private let event: [UInt8]
  private let begin: Int

  /// - Parameter piece: the decoded text. nil where its head is not in the event as it is.
  init?(_ event: UnsafeRawBufferPointer, piece: UnsafeRawBufferPointer) {
    let head = piece.prefix(Self.number.upperBound + 1)
    guard head.count > Self.number.upperBound,
      let begin = event.indices.first(where: { event[$0...].starts(with: head) })
    else { return nil }
    (self.event, self.begin) = (Array(event), begin)
  }

  /// The stamp of an event that follows the pattern and holds the piece with this number; nil for any other one.
  func stamp(of other: UnsafeRawBufferPointer, number: Int) -> UInt64? {
    guard other.count == event.count else { return nil }
    return event.withUnsafeBytes { event in
      let stamp = begin + Self.stamp.lowerBound..<begin + Self.stamp.upperBound
      let index = begin + Self.number.lowerBound..<begin + Self.number.upperBound
      guard sameBytes(event, other, 0..<stamp.lowerBound), sameBytes(event, other, stamp.upperBound..<index.lowerBound),
        sameBytes(event, other, index.upperBound..<event.count)
      else { return nil }
      guard ASCII.decimal(UnsafeRawBufferPointer(rebasing: other[index])) == number else { return nil }
      return ASCII.decimal(UnsafeRawBufferPointer(rebasing: other[stamp])).map { UInt64($0) }
    }
  }
}

import Testing

@testable import Wire

@Suite("Text fingerprints") struct TextFingerprintTests {
  private func value(_ parts: [ArraySlice<UInt8>]) -> TextFingerprint.Value {
    var fingerprint = TextFingerprint(seed: 42)
    for part in parts { Array(part).withUnsafeBytes { fingerprint.update($0) } }
    return fingerprint.value
  }

  @Test func everySplitGivesTheSame() {
    let text = (0..<61).map { UInt8(truncatingIfNeeded: $0 * 37) }
    let whole = value([text[...]])
    for first in 0...text.count {
      for second in stride(from: first, through: text.count, by: 3) {
        #expect(value([text[..<first], text[first..<second], text[second...]]) == whole)
      }
    }
    #expect(value(text.indices.map { text[$0...$0] }) == whole)
  }

  @Test func everyBitAndEveryLengthCounts() {
    let text = [UInt8](repeating: 0, count: 40)
    var seen = [value([text[...]])]
    for length in 0..<40 { seen.append(value([text[..<length]])) }
    for bit in 0..<320 {
      var other = text
      other[bit / 8] ^= 1 << (bit % 8)
      seen.append(value([other[...]]))
    }
    for (index, one) in seen.enumerated() { #expect(!seen[..<index].contains(one)) }
  }

  @Test func orderAndSeedCount() {
    let (a, b) = (Array("12345678".utf8), Array("abcdefgh".utf8))
    #expect(value([a[...], b[...]]) != value([b[...], a[...]]))
    var other = TextFingerprint(seed: 43)
    a.withUnsafeBytes { other.update($0) }
    #expect(other.value != value([a[...]]))
  }
}

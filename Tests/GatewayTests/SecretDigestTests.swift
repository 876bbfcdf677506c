import Testing

@testable import Gateway

@Suite("Comparison of secrets") struct SecretDigestTests {
  private let key = "sk-0123456789abcdef0123456789abcdef"

  private func altered(at index: Int) -> String {
    var bytes = Array(key.utf8)
    bytes[index] ^= 1
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func onlyTheSameMatches() {
    let digest = SecretDigest(key)
    #expect(digest.matches(SecretDigest(key)))
    for other in ["", "s", String(key.dropLast()), key + "x", key + key, key.uppercased(), " " + key, key + "\0"] {
      #expect(!digest.matches(SecretDigest(other)), "\(other)")
    }
    for index in 0..<key.utf8.count { #expect(!digest.matches(SecretDigest(altered(at: index)))) }
  }

  /// What the comparison sees of two keys is as different wherever they differ: whoever measures its time cannot find a key byte by byte.
  @Test func theDigestsOfAlikeKeysAreNotAlike() {
    let digest = SecretDigest(key)
    var differences: [Int] = []
    for index in 0..<key.utf8.count {
      let other = SecretDigest(altered(at: index))
      differences.append((digest.high ^ other.high).nonzeroBitCount + (digest.low ^ other.low).nonzeroBitCount)
    }
    // Half of 128 bits on the average; 24 is seven deviations off.
    #expect(differences.allSatisfy { (24...104).contains($0) }, "\(differences)")
    let firstHalf = differences.prefix(differences.count / 2).reduce(0, +) * 2 / differences.count
    let lastHalf = differences.suffix(differences.count / 2).reduce(0, +) * 2 / differences.count
    #expect(abs(firstHalf - lastHalf) < 16)
  }

  /// Both words count.
  @Test func aHalfIsNotEnough() {
    let digest = SecretDigest(key)
    #expect(!digest.matches(SecretDigest(high: digest.high, low: digest.low ^ 1)))
    #expect(!digest.matches(SecretDigest(high: digest.high ^ 1, low: digest.low)))
    // Differences that would cancel out in a sum or an exclusive or of the two.
    #expect(!digest.matches(SecretDigest(high: digest.high ^ 1, low: digest.low ^ 1)))
    #expect(digest.matches(SecretDigest(high: digest.high, low: digest.low)))
  }
}

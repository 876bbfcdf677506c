import Foundation
import Testing
import Wire

@testable import XSTech

/// A generator whose run can be repeated (SplitMix64, Steele et al. 2014).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
    return word ^ word >> 31
  }

  /// Another seed each run, printed, or the one in `TEST_SEED`.
  static func seeded(_ what: String) -> SeededGenerator {
    let seed = ProcessInfo.processInfo.environment["TEST_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0...UInt64.max)
    print("\(what): TEST_SEED=\(seed)")
    return SeededGenerator(seed: seed)
  }
}

extension String {
  func withRawBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R { try Array(utf8).withUnsafeBytes(body) }

  func withJSON<R>(_ body: (JSONValue) throws -> R) throws -> R { try withRawBytes { try body(JSONDocument(parsing: $0).root) } }
}

/// A JSON text as Foundation reads it, so that what we write is checked by somebody else's parser.
func foundationObject(_ text: some StringProtocol) throws -> [String: Any] {
  try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
}

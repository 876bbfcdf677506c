import Foundation
import Testing
import Wire
import XSTech

@testable import Gateway

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

/// Runs `body` on a copy of exactly these bytes, which is overwritten afterwards: whoever kept a pointer to it shows.
func withPoisonedCopy<R>(_ bytes: some Collection<UInt8>, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
  let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
  defer { copy.deallocate() }
  copy.copyBytes(from: bytes)
  defer { copy.initializeMemory(as: UInt8.self, repeating: 0xAA) }
  return try body(UnsafeRawBufferPointer(copy))
}

extension String {
  func withRawBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R { try Array(utf8).withUnsafeBytes(body) }
}

/// A JSON text as Foundation reads it, so that what we write is checked by somebody else's parser.
func foundationObject(_ text: some StringProtocol) throws -> [String: Any] {
  try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
}

func makeSession(_ id: Int, json: String = "") throws -> Session {
  let text = json.isEmpty ? #"{"id":\#(id),"model":"m","contextCount":20}"# : json
  return try text.withRawBytes { try #require(Session(JSONDocument(parsing: $0).root)) }
}

func makeLiveSession(_ id: Int, account: Int = 0) throws -> LiveSession {
  LiveSession(account: account, session: try makeSession(id))
}

func attachment(_ base64: String, fileExtension: String = "png", param: String = "p") -> Gateway.Attachment {
  let buffer = ByteBuffer(base64)
  return Gateway.Attachment(
    mediaType: "image/\(fileExtension)", fileExtension: fileExtension, buffer: buffer, base64: 0..<buffer.count, byteCount: 3,
    param: param)
}

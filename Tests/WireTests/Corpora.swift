import Foundation

/// Test data that other people wrote; not part of the repository.
enum Corpora {
  /// `XTGATEWAY_CORPORA`, else `../shared/corpora` beside the package.
  static var root: String {
    ProcessInfo.processInfo.environment["XTGATEWAY_CORPORA"]
      ?? URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../shared/corpora").standardized.path
  }

  /// Whether `name` is there; says so where it is not, as a skipped test is easily overlooked.
  static func has(_ name: String) -> Bool {
    if FileManager.default.fileExists(atPath: "\(root)/\(name)") { return true }
    print("skipped: no corpus at \(root)/\(name)")
    return false
  }

  static func read(_ name: String) throws -> [UInt8] {
    // Not `Data(contentsOf:)`: it leaks memory on an empty file, which the address sanitizer reports.
    let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: "\(root)/\(name)"))
    return try [UInt8](file.readToEnd() ?? Data())
  }

  static func names(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "\(root)/\(folder)").sorted()
  }
}

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
  func withRawBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try Array(utf8).withUnsafeBytes(body)
  }
}

import Testing
import Wire

@testable import Gateway

@Suite("Searches") struct ByteSearchTests {
  @Test func agreesWithANaiveReference() {
    var random = SeededGenerator.seeded("searches")
    for _ in 0..<3000 {
      let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in UInt8.random(in: 97...98, using: &random) }
      let needle = (0..<Int.random(in: 1...5, using: &random)).map { _ in UInt8.random(in: 97...98, using: &random) }
      let first = text.indices.first { text[$0...].starts(with: needle) }
      let overlap = (0..<needle.count).last { $0 <= text.count && Array(text.suffix($0)) == Array(needle.prefix($0)) }
      text.withUnsafeBytes { text in
        needle.withUnsafeBytes { needle in
          #expect(ByteSearch.first(needle, in: text) == first)
          #expect(ByteSearch.overlap(needle, atEndOf: text) == overlap)
        }
      }
    }
  }
}

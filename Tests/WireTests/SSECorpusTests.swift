import Foundation
import Testing

@testable import Wire

@Suite("SSE corpus", .enabled(if: Corpora.has("sse-cases.json")))
struct SSECorpusTests {
  struct File: Decodable { let cases: [Case] }
  struct Case: Decodable {
    struct Event: Decodable { let data: String }
    let id: String
    let chunks: [Data]
    let events: [Event]
  }

  private func cases() throws -> [Case] { try JSONDecoder().decode(File.self, from: Data(Corpora.read("sse-cases.json"))).cases }

  @Test func everyCaseInTheAuthorsChunksAndInOnePiece() throws {
    let cases = try cases()
    #expect(cases.count > 100)
    for example in cases {
      let expected = example.events.map { Array($0.data.utf8) }
      let chunks = example.chunks.map { [UInt8]($0) }
      #expect(try decode(chunks) == expected, "\(example.id)")
      #expect(try decode([Array(chunks.joined())]) == expected, "\(example.id) in one piece")
    }
  }

  @Test func everyCaseSplitAtEveryByte() throws {
    for example in try cases() {
      let expected = example.events.map { Array($0.data.utf8) }
      let whole = example.chunks.flatMap { [UInt8]($0) }
      #expect(try decode(whole.map { [$0] }) == expected, "\(example.id) byte by byte")
      // The huge messages are split at their ends only: all that differs in between is the length of the parts.
      let edge = whole.count > 20000 ? 40 : whole.count
      let middle = edge..<max(edge, whole.count - edge)
      for at in whole.indices where !middle.contains(at) {
        let parts = [Array(whole[..<at]), Array(whole[at...])]
        guard try decode(parts) != expected else { continue }
        Issue.record("\(example.id) split at \(at)")
      }
    }
  }
}

/// The events' data when the chunks are fed one after another.
func decode(_ chunks: [[UInt8]], limit: Int = 1 << 24) throws(SSEError) -> [[UInt8]] {
  var decoder = SSEDecoder(maxLineBytes: limit)
  var events: [[UInt8]] = []
  for chunk in chunks {
    // A copy of exactly this length, so that reading beyond it is reading foreign memory.
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: chunk)
    try decoder.feed(UnsafeRawBufferPointer(copy)) {
      events.append(Array($0))
      return true
    }
    copy.initializeMemory(as: UInt8.self, repeating: 0xAA)
  }
  return events
}

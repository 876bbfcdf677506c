import Testing

@testable import Wire

/// Random streams against the standard's algorithm written down literally.
@Suite struct SSERandomTests {
  @Test func randomStreamsInRandomParts() throws {
    var random = SeededGenerator.seeded("SSE streams")
    let tokens: [[UInt8]] =
      ["\n", "\n", "\r", "\r\n", "\n\n", "data", "data:", "data: ", "dat", ":", " ", "x", "event: e", "id:", "你", "\0", "\u{FEFF}"]
      .map { Array($0.utf8) } + [[0xEF], [0xBB]]
    for _ in 0..<4000 {
      let stream = Array((0..<Int.random(in: 0...24, using: &random)).flatMap { _ in tokens.randomElement(using: &random)! })
      var parts: [[UInt8]] = []
      var index = 0
      while index < stream.count {
        let end = min(stream.count, index + Int.random(in: 1...12, using: &random))
        parts.append(Array(stream[index..<end]))
        index = end
      }
      let expected = reference(stream)
      #expect(try decode(parts) == expected, "\(parts)")
      #expect(try decode([stream]) == expected, "\(stream)")
    }
  }

  /// WHATWG HTML, 9.2.6, with nothing but clarity in mind.
  private func reference(_ stream: [UInt8]) -> [[UInt8]] {
    var rest = stream[...]
    if rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest = rest.dropFirst(3) }
    var events: [[UInt8]] = []
    var data: [UInt8] = []
    while let end = rest.firstIndex(where: { $0 == 0x0A || $0 == 0x0D }) {
      let line = rest[..<end]
      rest = rest[end...].starts(with: [0x0D, 0x0A]) ? rest[(end + 2)...] : rest[(end + 1)...]
      if line.isEmpty {
        if !data.isEmpty { events.append(data.dropLast()) }
        data = []
        continue
      }
      let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
      guard line[..<colon].elementsEqual("data".utf8) else { continue }
      var value = line[colon...].dropFirst()
      if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
      data += value + [0x0A]
    }
    return events
  }
}

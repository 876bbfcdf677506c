import Testing

@testable import Wire

/// What the corpus leaves open: splits of CRLF and the byte order mark in every combination of line ends, and our own promises.
@Suite struct SSEDecoderTests {
  private func events(_ chunks: String..., limit: Int = 1 << 20) throws -> [String] {
    try decode(chunks.map { Array($0.utf8) }, limit: limit).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func theUsualEvents() throws {
    #expect(try events("data: {\"a\":1}\n\ndata: {\"a\":2}\n\ndata: [DONE]\n\n") == ["{\"a\":1}", "{\"a\":2}", "[DONE]"])
  }

  @Test func oneSpaceIsTakenOffAndTheColonMayBeMissing() throws {
    #expect(try events("data:a\n\ndata: b\n\ndata:  c\n\ndata:\td\n\n") == ["a", "b", " c", "\td"])
    #expect(try events("data\n\ndata:\n\ndata: \n\n") == ["", "", ""])
    #expect(try events("datax: a\n\ndat: b\n\nDATA: c\n\n data: d\n\ndata : e\n\n") == [])
  }

  @Test func otherLinesAreSkipped() throws {
    #expect(try events(": hello\nevent: x\nid: 7\nretry: 10\nfoo\ndata: a\n: again\n\n: only a comment\n\nevent: y\n\n") == ["a"])
  }

  @Test func severalDataLinesAreJoined() throws {
    #expect(try events("data: a\nid: 1\ndata\ndata: b\n\ndata: c\n\n") == ["a\n\nb", "c"])
    #expect(try events("data: a\nda", "ta: b\n", "data: c", "\n\n") == ["a\nb\nc"])
  }

  @Test func aCarriageReturnEndsALineAtOnce() throws {
    // The event must not wait for a line feed that may never come.
    #expect(try events("data: a\r\r") == ["a"])
    #expect(try events("data: a\r", "\r") == ["a"])
    #expect(try events("data: a\r\n\r") == ["a"])
    // The line feed at the front belongs to the last line: it does not end an empty one.
    #expect(try events("data: a\r", "\ndata: b\r", "\n\r", "\ndata: c\r\n\r\n") == ["a\nb", "c"])
  }

  @Test func everySplitInTwoAndThree() throws {
    let lines = ["data: one", ": c", "", "data: two", "data:2", "", "id: 5", "data: 你好", "", ""]
    for end in ["\n", "\r", "\r\n"] {
      for mark in ["", "\u{FEFF}"] {
        let whole = Array((mark + lines.joined(separator: end)).utf8)
        let expected = ["one", "two\n2", "你好"].map { Array($0.utf8) }
        for first in 0...whole.count {
          for second in first...whole.count {
            let parts = [Array(whole[..<first]), Array(whole[first..<second]), Array(whole[second...])]
            guard try decode(parts) != expected else { continue }
            Issue.record("\(end.debugDescription), mark \(!mark.isEmpty), split at \(first) and \(second)")
          }
        }
      }
    }
  }

  @Test func whatOnlyBeginsLikeAMarkIsALine() throws {
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    for count in 1...2 {
      let bytes = mark[..<count] + Array("data: a\n\ndata: b\n\n".utf8)
      #expect(try decode([Array(bytes)]) == [[UInt8(ascii: "b")]])
      #expect(try decode(bytes.map { [$0] }) == [[UInt8(ascii: "b")]])
      // They count.
      let line = mark[..<count] + Array(repeating: UInt8(ascii: "x"), count: 10)
      #expect(throws: SSEError.lineTooLong(limit: 9 + count)) { try decode([Array(line)], limit: 9 + count) }
      #expect(try decode([Array(line)], limit: 10 + count) == [])
    }
  }

  @Test func bytesThatAreNoUTF8PassThrough() throws {
    let bytes: [UInt8] = Array("data: ".utf8) + [0xFF, 0x00, 0xC3] + Array("\n\n".utf8)
    #expect(try decode([bytes]) == [[0xFF, 0x00, 0xC3]])
  }

  @Test func wholeEventsAreHandedOutInPlace() throws {
    let input = Array(": c\ndata: one\n\nid: 1\r\ndata: two\r\n\r\ndata:3\r\rdata: unfinished\n".utf8)
    var decoder = SSEDecoder(maxLineBytes: 100)
    try input.withUnsafeBytes { input in
      let range = input.baseAddress!..<(input.baseAddress! + input.count)
      var offsets: [Int] = []
      try decoder.feed(input) { data in
        #expect(range.contains(data.baseAddress!))
        offsets.append(data.baseAddress! - input.baseAddress!)
        return true
      }
      #expect(offsets == [10, 28, 40])
      // The last event's end comes with other bytes: by then it must have been copied.
      try "\n".withRawBytes { rest in
        try decoder.feed(rest) { data in
          #expect(!range.contains(data.baseAddress!))
          #expect(data.elementsEqual("unfinished".utf8))
          return true
        }
      }
    }
  }

  @Test func theHandlerCanStopTheStream() throws {
    var decoder = SSEDecoder(maxLineBytes: 100)
    var seen = 0
    try "data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n".withRawBytes { bytes in
      try decoder.feed(bytes) { _ in
        seen += 1
        return seen < 2
      }
    }
    #expect(seen == 2)
    let count = { (_: UnsafeRawBufferPointer) in
      seen += 1
      return true
    }
    try "\ndata: 5\n\n".withRawBytes { try decoder.feed($0, count) }
    decoder.finish(count)
    #expect(seen == 2)
  }

  @Test(arguments: ["\n", "\r", "\r\n"]) func linesHaveALimit(end: String) throws {
    let error = SSEError.lineTooLong(limit: 10)
    #expect(try events("data: 1234\(end)\(end)", limit: 10) == ["1234"])
    #expect(throws: error) { try events("data: 12345\(end)\(end)", limit: 10) }
    #expect(throws: error) { try events("data: 12345", limit: 10) }
    #expect(throws: error) { try events("data: ", "12345", limit: 10) }
    #expect(throws: error) { try events(": a comment\(end)", limit: 10) }
    #expect(try events("data: ", "1234\(end)", end, limit: 10) == ["1234"])
  }

  @Test func theDataOfOneEventHasTheSameLimit() throws {
    #expect(try events("data: 1234\ndata: 12345\n\n", limit: 11) == ["1234\n12345"])
    #expect(throws: SSEError.lineTooLong(limit: 10)) { try events("data:12345\ndata:12345\n\n", limit: 10) }
    #expect(throws: SSEError.lineTooLong(limit: 10)) { try events("data:12345\nda", "ta:12345\n\n", limit: 10) }
  }

  @Test func eventsBeforeATooLongLineAreHandedOutAndNoneAfterIt() throws {
    var decoder = SSEDecoder(maxLineBytes: 10)
    var seen: [String] = []
    let keep = { (data: UnsafeRawBufferPointer) in
      seen.append(String(decoding: data, as: UTF8.self))
      return true
    }
    #expect(throws: SSEError.lineTooLong(limit: 10)) {
      try "data: 1\n\ndata: long line\n\ndata: 2\n\n".withRawBytes { try decoder.feed($0, keep) }
    }
    try "\n\ndata: 3\n\n".withRawBytes { try decoder.feed($0, keep) }
    decoder.finish(keep)
    #expect(seen == ["1"])
  }

  @Test(arguments: [
    ("data: a\n", ["a"]), ("data: a", ["a"]), ("data: a\ndata: b", ["a\nb"]), ("data: a\r\n", ["a"]), ("data", [""]), ("dat", []),
    (": c", []), ("", []), ("data: a\n\n", []), ("data: a\nid: 1", ["a"]), ("data: [DONE]\n", ["[DONE]"]),
  ])
  func theEndOfTheStreamCanYieldAnUnfinishedEvent(text: String, expected: [String]) throws {
    for split in 0...text.utf8.count {
      var decoder = SSEDecoder(maxLineBytes: 100)
      let bytes = Array(text.utf8)
      try bytes[..<split].withUnsafeBytes { try decoder.feed($0) { _ in true } }
      try bytes[split...].withUnsafeBytes { try decoder.feed($0) { _ in true } }
      var seen: [String] = []
      for _ in 0..<2 {
        decoder.finish {
          seen.append(String(decoding: $0, as: UTF8.self))
          return true
        }
      }
      #expect(seen == expected, "split at \(split)")
    }
  }
}

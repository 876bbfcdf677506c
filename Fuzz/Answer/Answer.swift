import AnswerSupport
import FuzzSupport
import Gateway
import Wire
import XSTech

/// An answer's text, brought in pieces: reasoning and content come out the same however the upstream cuts and escapes it, and
/// they are what a search in the whole text finds.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let text = String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
  var splits = Splits(for: UnsafeRawBufferPointer(start: bytes, count: count))
  let stops = [[], ["STOP"], ["\n\n", "</"], ["aab", "ab", "你好"]][splits.next(below: 4)]
  let expected = Expected(text, stops: stops)
  for _ in 0..<3 {
    let encoder = RecordingEncoder()
    let digest = ConversationDigest(key: .init(k0: 1, k1: 2))
    var filter = AnswerFilter(stops: stops, digest: digest, scratch: AnswerScratch())
    var sink = Sink(encoder: encoder)
    for piece in pieces(of: text, &splits) where !filter.isStopped {
      piece.withUnsafeBytes { filter.piece($0, hasEscapes: piece.contains(UInt8(ascii: "\\")), to: &sink) }
    }
    filter.finish(to: &sink)
    require(encoder.reasoning == expected.reasoning, "reasoning \(encoder.reasoning), not \(expected.reasoning)")
    require(encoder.content == expected.content, "content \(encoder.content), not \(expected.content)")
    require(filter.isStopped == expected.isStopped && filter.hasReasoning == expected.hasReasoning, "the same end")
    guard !filter.isStopped else { continue }
    var whole = digest.answer()
    expected.content.withUnsafeBytes { whole.update($0) }
    require(filter.contentDigest.trimmed == whole.trimmed, "the digest is that of the content")
  }
  return 0
}

private struct Sink: AnswerSink {
  let encoder: RecordingEncoder
  func content(_ inside: UnsafeRawBufferPointer) { encoder.content(inside) }
  func reasoning(_ inside: UnsafeRawBufferPointer) { encoder.reasoning(inside) }
}

/// Insides of JSON literals that make up `text`: cut between characters or within a surrogate pair, escaped here and there.
private func pieces(of text: String, _ splits: inout Splits) -> [[UInt8]] {
  let escapesAll = splits.next(below: 4) == 0
  let mean = [1, 2, 8, 1000][splits.next(below: 4)]
  var pieces: [[UInt8]] = [[]]
  func cut() {
    if splits.next(below: mean) == 0 { pieces.append([]) }
  }
  for scalar in text.unicodeScalars {
    let isPlain = scalar.value >= 0x20 && scalar != "\"" && scalar != "\\"
    if isPlain && !escapesAll && splits.next(below: 8) > 0 {
      pieces[pieces.count - 1] += Array(String(scalar).utf8)
    } else {
      for unit in String(scalar).utf16 {
        let digits = String(unit, radix: 16)
        pieces[pieces.count - 1] += Array("\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".utf8)
        cut()
      }
    }
    cut()
  }
  return pieces
}

/// The same by searching the whole text.
private struct Expected {
  var reasoning: [UInt8] = []
  var content: [UInt8]
  var hasReasoning = false
  var isStopped = false

  init(_ text: String, stops: [String]) {
    let all = Array(text.utf8)
    let front = all.prefix { $0 == 0x20 || (0x09...0x0D).contains($0) }.count
    content = all
    let open = Array("<think>".utf8)
    let close = Array("</think>".utf8)
    if all[front...].starts(with: open) {
      hasReasoning = true
      let inside = Array(all[(front + open.count)...])
      let end = first(close, in: inside)
      reasoning = Array(inside[..<(end ?? inside.count)])
      content = end.map { Array(inside[($0 + close.count)...]) } ?? []
    }
    if let end = stops.compactMap({ first(Array($0.utf8), in: content) }).min() {
      content = Array(content[..<end])
      isStopped = true
    }
  }
}

private func first(_ needle: [UInt8], in text: [UInt8]) -> Int? {
  guard text.count >= needle.count else { return nil }
  return (0...(text.count - needle.count)).first { text[$0...].starts(with: needle) }
}

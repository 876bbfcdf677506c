import Wire
import XSTech

/// Where filtered text goes. What it gets is the inside of a valid JSON string literal, valid during the call.
public protocol AnswerSink {
  mutating func content(_ inside: UnsafeRawBufferPointer)
  mutating func reasoning(_ inside: UnsafeRawBufferPointer)
}

/// Memory for one piece at a time, shared by all answers of a loop.
public final class AnswerScratch {
  let decoded = ByteBuffer()
  fileprivate let encoded = ByteBuffer()

  public init() {}
}

/// Turns the upstream's pieces into content and reasoning: takes out the reasoning tags and ends the answer before a stop sequence,
/// however the pieces are split. It keeps no text but what may yet turn out to be part of a tag or of a stop sequence.
///
/// A piece in which nothing of the kind can occur, which is nearly every one, goes on as it came: neither decoded nor encoded again.
public struct AnswerFilter: ~Copyable {
  private enum Phase {
    /// Nothing but white space so far: a reasoning tag may come. → `reasoning`, `answer`
    case front
    /// Between the tags. → `answer`
    case reasoning
    /// Behind them. → `stopped`
    case answer
    /// A stop sequence came; nothing goes on any more.
    case stopped
  }

  private var phase = Phase.front
  public private(set) var hasReasoning = false
  /// Decoded text held back.
  private var held = LazyByteBuffer()
  /// The first half of a surrogate pair (`\ud83d`) that ended a piece.
  private var halfPair = LazyByteBuffer()
  private let stops: [[UInt8]]
  let scratch: AnswerScratch
  /// Bytes of decoded text that came in all, tags included.
  public private(set) var received = 0
  private var all: AnswerDigest
  private let digest: ConversationDigest
  /// Of the content alone, once there was reasoning, which most answers have not.
  private var contentOnly: ContentDigest?

  private final class ContentDigest {
    var value: AnswerDigest
    init(_ value: AnswerDigest) { self.value = value }
  }

  public init(stops: [String], digest: ConversationDigest, scratch: AnswerScratch) {
    self.stops = stops.map { Array($0.utf8) }
    self.scratch = scratch
    all = digest.answer()
    self.digest = digest
  }

  public var isStopped: Bool { phase == .stopped }
  /// Of what the client keeps as the answer.
  public var contentDigest: AnswerDigest { contentOnly?.value ?? all }

  /// The digest of a whole answer, as `contentDigest` would be had it come in pieces; without the white space at its end.
  public func digest(of answer: UnsafeRawBufferPointer) -> SipHash128.Digest {
    var digest = digest.answer()
    digest.update(ReasoningTag.withoutReasoning(answer))
    return digest.trimmed
  }

  /// The next piece, as it stands in the event.
  public mutating func piece<Sink: AnswerSink>(_ inside: UnsafeRawBufferPointer, hasEscapes: Bool, to sink: inout Sink) {
    piece(decoded(inside, hasEscapes: hasEscapes), to: &sink)
  }

  /// A usual event at the beginning of `bytes`; the piece is valid until the next one.
  @inline(__always) func scanFramed(_ bytes: UnsafeRawBufferPointer, maxBytes: Int) -> (piece: TextPiece, length: Int)? {
    TextPieceScanner.scanFramed(bytes, maxBytes: maxBytes, scratch: scratch.decoded)
  }

  /// Valid until the next one.
  func decoded(_ inside: UnsafeRawBufferPointer, hasEscapes: Bool) -> TextPiece {
    guard hasEscapes else { return TextPiece(inside) }
    let text = scratch.decoded
    text.removeAll()
    JSONString.decode(inside, into: text)
    return TextPiece(inside, text: text.bytes, hasLoneSurrogates: ByteSearch.first("\u{FFFD}", in: text.bytes) != nil)
  }

  public mutating func piece<Sink: AnswerSink>(_ piece: TextPiece, to sink: inout Sink) {
    if halfPair.isEmpty && !(piece.hasLoneSurrogates && Self.endsWithHalfPair(piece.inside)) { return whole(piece, to: &sink) }
    halfPair.append(piece.inside)
    let joined = ByteBuffer()
    joined.append(halfPair.bytes)
    halfPair.removeAll()
    if Self.endsWithHalfPair(joined.bytes) {
      halfPair.append(UnsafeRawBufferPointer(rebasing: joined.bytes.suffix(6)))
      joined.removeLast(6)
    }
    if !joined.isEmpty { whole(decoded(joined.bytes, hasEscapes: true), to: &sink) }
  }

  /// The rest of the answer that the pieces lacked: `answer` is the whole of it, decoded. Nothing happens unless the pieces are its beginning.
  public mutating func tail<Sink: AnswerSink>(of answer: UnsafeRawBufferPointer, to sink: inout Sink) {
    guard answer.count > received, phase != .stopped else { return }
    // The half of a pair that the pieces ended with comes whole here: only what needs a pair has four bytes in UTF-8.
    guard halfPair.isEmpty || answer[received] >= 0xF0 else { return }
    var beginning = digest.answer()
    beginning.update(UnsafeRawBufferPointer(rebasing: answer[..<received]))
    guard beginning.whole == all.whole else { return }
    halfPair.removeAll()
    take(UnsafeRawBufferPointer(rebasing: answer[received...]), to: &sink)
  }

  /// The answer is over: gives out what was held back.
  public mutating func finish<Sink: AnswerSink>(to sink: inout Sink) {
    guard phase != .stopped else { return }
    if !halfPair.isEmpty {
      // The other half never came.
      halfPair.removeAll()
      ([0xEF, 0xBF, 0xBD] as [UInt8]).withUnsafeBytes { take($0, to: &sink) }
    }
    if phase == .front {
      // White space alone, or what only began like a tag: it is an answer like any other.
      phase = .answer
      lookForStop(to: &sink)
    }
    if phase != .stopped { give(held.count, to: &sink) }
  }

  private mutating func whole<Sink: AnswerSink>(_ piece: TextPiece, to sink: inout Sink) {
    let text = piece.text
    guard let first = text.first, phase != .stopped else { return }
    if phase == .front, first != UInt8(ascii: "<"), !Self.isSpace(first), held.isEmpty { phase = .answer }
    // A lone half of a surrogate pair is legal JSON, but strict clients refuse it: it goes on as U+FFFD.
    guard passesUntouched(text), !piece.hasLoneSurrogates else { return take(text, to: &sink) }
    count(text)
    if phase == .answer {
      sink.content(piece.inside)
      contentOnly?.value.update(text)
    } else {
      sink.reasoning(piece.inside)
    }
  }

  private func passesUntouched(_ text: UnsafeRawBufferPointer) -> Bool {
    guard held.isEmpty else { return false }
    switch phase {
    case .front, .stopped: return false
    case .reasoning: return !text.contains(UInt8(ascii: "<"))
    case .answer: return stops.isEmpty
    }
  }

  private mutating func count(_ text: UnsafeRawBufferPointer) {
    received += text.count
    all.update(text)
  }

  /// The slow way: decoded text goes behind what is held, and as much as is certain goes on.
  private mutating func take<Sink: AnswerSink>(_ text: UnsafeRawBufferPointer, to sink: inout Sink) {
    count(text)
    held.append(text)
    if phase == .front { leaveFront(to: &sink) }
    if phase == .reasoning { lookForEnd(to: &sink) }
    if phase == .answer { lookForStop(to: &sink) }
  }

  private mutating func leaveFront<Sink: AnswerSink>(to sink: inout Sink) {
    let bytes = held.bytes
    let start = bytes.firstIndex { !Self.isSpace($0) } ?? bytes.count
    let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
    let tag = ReasoningTag.open
    if ByteSearch.hasPrefix(rest, tag) {
      held.consume(start + tag.utf8CodeUnitCount)
      phase = .reasoning
      hasReasoning = true
      contentOnly = ContentDigest(digest.answer())
    } else if !UnsafeRawBufferPointer(start: tag.utf8Start, count: tag.utf8CodeUnitCount).starts(with: rest) {
      phase = .answer
    }
  }

  private mutating func lookForEnd<Sink: AnswerSink>(to sink: inout Sink) {
    let tag = UnsafeRawBufferPointer(start: ReasoningTag.close.utf8Start, count: ReasoningTag.close.utf8CodeUnitCount)
    if let end = ByteSearch.first(tag, in: held.bytes) {
      give(end, to: &sink)
      held.consume(tag.count)
      phase = .answer
    } else {
      give(held.count - ByteSearch.overlap(tag, atEndOf: held.bytes), to: &sink)
    }
  }

  private mutating func lookForStop<Sink: AnswerSink>(to sink: inout Sink) {
    var end: Int?
    var mayBegin = 0
    for stop in stops {
      stop.withUnsafeBytes { stop in
        if let found = ByteSearch.first(stop, in: held.bytes) { end = min(end ?? found, found) }
        mayBegin = max(mayBegin, ByteSearch.overlap(stop, atEndOf: held.bytes))
      }
    }
    give(end ?? held.count - mayBegin, to: &sink)
    if end != nil { phase = .stopped }
  }

  /// Sends the first `count` bytes of what is held on their way.
  private mutating func give<Sink: AnswerSink>(_ count: Int, to sink: inout Sink) {
    guard count > 0 else { return }
    let text = UnsafeRawBufferPointer(rebasing: held.bytes[..<count])
    scratch.encoded.removeAll()
    scratch.encoded.append(jsonEscaping: text)
    if phase == .reasoning {
      sink.reasoning(scratch.encoded.bytes)
    } else {
      sink.content(scratch.encoded.bytes)
      contentOnly?.value.update(text)
    }
    held.consume(count)
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) }

  /// Whether a literal ends with `\ud800` to `\udbff`.
  static func endsWithHalfPair(_ inside: UnsafeRawBufferPointer) -> Bool {
    let start = inside.count - 6
    guard start >= 0, inside[start] == UInt8(ascii: "\\"), inside[start + 1] == UInt8(ascii: "u"),
      inside[start + 2] | 0x20 == UInt8(ascii: "d")
    else { return false }
    let third = inside[start + 3] | 0x20
    guard third == UInt8(ascii: "8") || third == UInt8(ascii: "9") || third == UInt8(ascii: "a") || third == UInt8(ascii: "b")
    else {
      return false
    }
    // The backslash itself must not be escaped.
    var backslashes = 0
    while start - backslashes > 0, inside[start - backslashes - 1] == UInt8(ascii: "\\") { backslashes += 1 }
    return backslashes % 2 == 0
  }
}

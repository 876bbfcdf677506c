import Wire
import XSTech

/// What the filter lets through goes to the dialect's encoder.
struct EncoderSink: AnswerSink {
  private let encoder: any AnswerEncoder

  init(_ encoder: any AnswerEncoder) { self.encoder = encoder }

  func content(_ inside: UnsafeRawBufferPointer) { encoder.content(inside) }
  func reasoning(_ inside: UnsafeRawBufferPointer) { encoder.reasoning(inside) }
}

/// The translation of an answer: bytes of the upstream's event stream in, calls of the dialect's encoder out, in one go. Pure, and
/// the same however the bytes are split.
public struct CompletionReader: ~Copyable {
  private var decoder: SSEDecoder
  private var events: EventReader
  private let maxEventBytes: Int

  public init(
    stops: [String], digest: ConversationDigest, maxEventBytes: Int, scratch: AnswerScratch = AnswerScratch(),
    classifier: FailureClassifier = FailureClassifier()
  ) {
    self.maxEventBytes = maxEventBytes
    decoder = SSEDecoder(maxLineBytes: maxEventBytes)
    events = EventReader(filter: AnswerFilter(stops: stops, digest: digest, scratch: scratch), classifier: classifier)
  }

  /// Pieces of text so far.
  public var pieces: Int { events.pieces }
  /// From the record of the finished message.
  public var usage: Usage? { events.usage }
  /// Whether a stop sequence ended the answer.
  public var isStopped: Bool { events.filter.isStopped }
  /// Of the answer's text, as the client keeps it.
  public var answerDigest: AnswerDigest { events.filter.contentDigest }
  /// Whether the upstream remembers the answer that the client got. To be asked after `flush`.
  public var agreesWithRecord: Bool {
    events.recorded.map { $0 == events.filter.contentDigest.trimmed } ?? true
  }

  /// - Returns: what follows from the events in `bytes`; once it is not `nothing`, the rest of them is dropped.
  public mutating func feed(
    _ bytes: UnsafeRawBufferPointer, _ state: inout ChatExchangeState, to encoder: any AnswerEncoder
  ) -> ChatExchangeState.Action {
    var rest = bytes
    if decoder.isBetweenEvents {
      var sink = EncoderSink(encoder)
      while !rest.isEmpty, let (piece, length) = events.filter.scanFramed(rest, maxBytes: maxEventBytes) {
        events.piece(piece, &state, &sink)
        if isStopped { return state.stopReached() }
        rest = UnsafeRawBufferPointer(rebasing: rest[length...])
      }
      if rest.isEmpty { return .nothing }
    }
    return Self.feed(rest, &decoder, &events, &state, to: encoder)
  }

  // Decoder and reader as parameters of their own, so that the one can be at work on the other.
  private static func feed(
    _ bytes: UnsafeRawBufferPointer, _ decoder: inout SSEDecoder, _ events: inout EventReader, _ state: inout ChatExchangeState,
    to encoder: any AnswerEncoder
  ) -> ChatExchangeState.Action {
    var sink = EncoderSink(encoder)
    let scratch = events.filter.scratch.decoded
    var action = ChatExchangeState.Action.nothing
    do throws(SSEError) {
      try decoder.feed(bytes) { data in
        action = events.read(data, scratch, &state, &sink)
        return action.isNothing
      }
    } catch {
      switch error {
      case .lineTooLong(let limit):
        action = state.failed(.badResponse("an event is longer than \(limit) bytes (upstream.max_event_bytes)"))
      }
    }
    return action
  }

  /// The body is over: an event whose blank line is missing still counts.
  public mutating func finishFeeding(_ state: inout ChatExchangeState, to encoder: any AnswerEncoder) -> ChatExchangeState.Action {
    Self.finishFeeding(&decoder, &events, &state, to: encoder)
  }

  private static func finishFeeding(
    _ decoder: inout SSEDecoder, _ events: inout EventReader, _ state: inout ChatExchangeState, to encoder: any AnswerEncoder
  ) -> ChatExchangeState.Action {
    var sink = EncoderSink(encoder)
    var action = ChatExchangeState.Action.nothing
    decoder.finish { data in
      action = events.read(data, events.filter.scratch.decoded, &state, &sink)
      return action.isNothing
    }
    return action
  }

  /// The answer ends properly: gives out what was held back.
  public mutating func flush(to encoder: any AnswerEncoder) {
    var sink = EncoderSink(encoder)
    events.filter.finish(to: &sink)
  }
}

/// Reads one event after the other.
private struct EventReader: ~Copyable {
  private(set) var pieces = 0
  var filter: AnswerFilter
  let classifier: FailureClassifier
  private(set) var usage: Usage?
  /// Of what the record says the answer was.
  private(set) var recorded: SipHash128.Digest?

  init(filter: consuming AnswerFilter, classifier: FailureClassifier) {
    self.filter = filter
    self.classifier = classifier
  }

  mutating func read(
    _ data: UnsafeRawBufferPointer, _ scratch: ByteBuffer, _ state: inout ChatExchangeState, _ sink: inout EncoderSink
  ) -> ChatExchangeState.Action {
    if let piece = TextPieceScanner.scan(data, scratch: scratch) { return lonePiece(piece, &state, &sink) }
    do throws(EventError) {
      switch try Event.decodeFully(data) {
      case .text(let inside, let hasEscapes): return lonePiece(filter.decoded(inside, hasEscapes: hasEscapes), &state, &sink)
      case .record(let record): return self.record(record, &state, &sink)
      case .failure(let code, let message): return state.failed(classifier.envelope(code: code, message: message))
      case .done: return state.doneArrived()
      case .unknown: return .nothing
      }
    } catch {
      return state.failed(.badResponse(error.reason))
    }
  }

  private mutating func lonePiece(
    _ piece: TextPiece, _ state: inout ChatExchangeState, _ sink: inout EncoderSink
  ) -> ChatExchangeState.Action {
    self.piece(piece, &state, &sink)
    return filter.isStopped ? state.stopReached() : .nothing
  }

  @inline(__always) mutating func piece(_ piece: TextPiece, _ state: inout ChatExchangeState, _ sink: inout EncoderSink) {
    guard state.pieceArrived() else { return }
    pieces += 1
    filter.piece(piece, to: &sink)
  }

  private mutating func record(
    _ record: Record, _ state: inout ChatExchangeState, _ sink: inout EncoderSink
  ) -> ChatExchangeState.Action {
    guard state.recordArrived() else { return .nothing }
    usage = record.usage
    guard !record.answer.isEmpty else { return .nothing }
    record.withText { text in
      filter.tail(of: text, to: &sink)
      recorded = filter.digest(of: text)
    }
    return filter.isStopped ? state.stopReached() : .nothing
  }
}

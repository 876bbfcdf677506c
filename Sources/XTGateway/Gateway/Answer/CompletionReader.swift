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
package struct CompletionReader: ~Copyable {
  private var decoder: SSEDecoder
  private var filter: AnswerFilter
  private let classifier: FailureClassifier
  /// Pieces of text so far.
  package private(set) var pieces = 0
  /// From the record of the finished message.
  package private(set) var usage: Usage?
  /// What the record says the answer was.
  private var recorded: SipHash128.Digest?

  package init(
    stops: [String], digest: AnswerDigest, maxEventBytes: Int, scratch: AnswerScratch = AnswerScratch(),
    classifier: FailureClassifier = FailureClassifier()
  ) {
    self.classifier = classifier
    decoder = SSEDecoder(maxLineBytes: maxEventBytes)
    filter = AnswerFilter(stops: stops, digest: digest, scratch: scratch)
  }

  /// Whether a stop sequence ended the answer.
  package var isStopped: Bool { filter.isStopped }
  /// Of the answer's text, as the client keeps it.
  package var answerDigest: AnswerDigest { filter.contentDigest }
  /// Whether the upstream remembers the answer that the client got. To be asked after `flush`.
  package var agreesWithRecord: Bool { recorded == nil || recorded == filter.contentDigest.trimmed }

  /// - Returns: what follows from the events in `bytes`; once it is not `nothing`, the rest of them is dropped.
  package mutating func feed(
    _ bytes: UnsafeRawBufferPointer, _ state: inout ChatExchangeState, to encoder: any AnswerEncoder
  ) -> ChatExchangeState.Action {
    var sink = EncoderSink(encoder)
    var action = ChatExchangeState.Action.nothing
    var event = EventReader(classifier: classifier, pieces: pieces, usage: usage, recorded: recorded)
    do throws(SSEError) {
      try decoder.feed(bytes) { data in
        action = event.read(data, &state, &filter, &sink)
        return action.isNothing
      }
    } catch {
      switch error {
      case .lineTooLong(let limit):
        action = state.failed(.badResponse("an event is longer than \(limit) bytes (upstream.max_event_bytes)"))
      }
    }
    (pieces, usage, recorded) = (event.pieces, event.usage, event.recorded)
    return action
  }

  /// The body is over: an event whose blank line is missing still counts.
  package mutating func finishFeeding(_ state: inout ChatExchangeState, to encoder: any AnswerEncoder) -> ChatExchangeState.Action {
    var sink = EncoderSink(encoder)
    var action = ChatExchangeState.Action.nothing
    var event = EventReader(classifier: classifier, pieces: pieces, usage: usage, recorded: recorded)
    decoder.finish { data in
      action = event.read(data, &state, &filter, &sink)
      return action.isNothing
    }
    (pieces, usage, recorded) = (event.pieces, event.usage, event.recorded)
    return action
  }

  /// The answer ends properly: gives out what was held back.
  package mutating func flush(to encoder: any AnswerEncoder) {
    var sink = EncoderSink(encoder)
    filter.finish(to: &sink)
  }
}

/// Reads one event after the other.
private struct EventReader {
  let classifier: FailureClassifier
  var pieces: Int
  var usage: Usage?
  var recorded: SipHash128.Digest?

  mutating func read(
    _ data: UnsafeRawBufferPointer, _ state: inout ChatExchangeState, _ filter: inout AnswerFilter, _ sink: inout EncoderSink
  ) -> ChatExchangeState.Action {
    do throws(EventError) {
      switch try Event.decode(data) {
      case .text(let inside, let hasEscapes):
        guard state.pieceArrived() else { return .nothing }
        pieces += 1
        filter.piece(inside, hasEscapes: hasEscapes, to: &sink)
        return filter.isStopped ? state.stopReached() : .nothing
      case .record(let record):
        guard state.recordArrived() else { return .nothing }
        usage = record.usage
        record.text.withUnsafeBytes { text in
          filter.tail(of: text, to: &sink)
          if !text.isEmpty { recorded = filter.digest(of: text) }
        }
        return filter.isStopped ? state.stopReached() : .nothing
      case .failure(let code, let message): return state.failed(classifier.envelope(code: code, message: message))
      case .done: return state.doneArrived()
      case .unknown: return .nothing
      }
    } catch {
      return state.failed(.badResponse(error.reason))
    }
  }
}

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

  package init(
    stops: [String], digest: AnswerDigest, maxEventBytes: Int, scratch: AnswerScratch = AnswerScratch(),
    classifier: FailureClassifier = FailureClassifier()
  ) {
    self.classifier = classifier
    decoder = SSEDecoder(maxLineBytes: maxEventBytes)
    filter = AnswerFilter(stops: stops, digest: digest, scratch: scratch)
  }

  /// Of the answer's text, as the client keeps it.
  package var answerDigest: AnswerDigest { filter.contentDigest }

  /// - Returns: what follows from the events in `bytes`; once it is not `nothing`, the rest of them is dropped.
  package mutating func feed(
    _ bytes: UnsafeRawBufferPointer, _ state: inout ChatExchangeState, to encoder: any AnswerEncoder
  ) -> ChatExchangeState.Action {
    var sink = EncoderSink(encoder)
    var action = ChatExchangeState.Action.nothing
    var event = EventReader(classifier: classifier, pieces: pieces, usage: usage)
    do throws(SSEError) {
      try decoder.feed(bytes) { data in
        action = event.read(data, &state, &filter, &sink)
        return action == .nothing
      }
    } catch {
      switch error {
      case .lineTooLong(let limit):
        action = state.failed(.badResponse("an event is longer than \(limit) bytes (upstream.max_event_bytes)"))
      }
    }
    (pieces, usage) = (event.pieces, event.usage)
    return action
  }

  /// The body is over: an event whose blank line is missing still counts.
  package mutating func finishFeeding(_ state: inout ChatExchangeState, to encoder: any AnswerEncoder) -> ChatExchangeState.Action {
    var sink = EncoderSink(encoder)
    var action = ChatExchangeState.Action.nothing
    var event = EventReader(classifier: classifier, pieces: pieces, usage: usage)
    decoder.finish { data in
      action = event.read(data, &state, &filter, &sink)
      return action == .nothing
    }
    (pieces, usage) = (event.pieces, event.usage)
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
        record.text.withUnsafeBytes { filter.tail(of: $0, to: &sink) }
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

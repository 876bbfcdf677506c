import AnswerSupport
import FuzzSupport
import Gateway
import Wire
import XSTech

/// The upstream's event stream and its translation: the fast way decides as the full parser does, and the calls that reach the encoder
/// do not depend on how the bytes were cut.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = UnsafeRawBufferPointer(start: bytes, count: count)
  var splits = Splits(for: input)
  forEachPart(count > 0 ? [count] : [], of: input) { part in
    compareDecoders(part)
    return true
  }
  let stops = [[], ["STOP"], ["\n\n", "</"], ["你好", "a", "ab"]][splits.next(below: 4)]
  let limit = splits.next(below: 4) == 0 ? 96 : 1 << 20
  let whole = Translation(input, parts: count > 0 ? [count] : [], stops: stops, limit: limit)
  for _ in 0..<2 {
    let split = Translation(input, parts: splits.parts(of: count), stops: stops, limit: limit)
    require(whole == split, "split differently: \(whole) and \(split)")
  }
  return 0
}

/// One event's data. Where the scanner takes it, the full parser finds the same piece in it.
private func compareDecoders(_ data: UnsafeRawBufferPointer) {
  let scratch = ByteBuffer()
  guard let piece = TextPieceScanner.scan(data, scratch: scratch) else { return }
  do throws(EventError) {
    guard case .text(let inside, let hasEscapes) = try Event.decodeFully(data) else {
      fatalError("broken: the scanner took another event")
    }
    require(inside.baseAddress == piece.inside.baseAddress && inside.count == piece.inside.count, "the same piece")
    require(hasEscapes == piece.hasEscapes, "both see the escapes")
    let text = ByteBuffer()
    JSONString.decode(inside, into: text)
    require(piece.text.elementsEqual(text.bytes), "both decode the same")
  } catch {
    fatalError("broken: the scanner took what is no event: \(error.reason)")
  }
}

/// What became of a stream.
private struct Translation: Equatable {
  var calls: [RecordingEncoder.Call]
  var actions: [ChatExchangeState.Action] = []
  var pieces: Int
  var usage: Usage?
  var digest: ConversationKey

  init(_ input: UnsafeRawBufferPointer, parts: [Int], stops: [String], limit: Int) {
    let digest = ConversationDigest(key: .init(k0: 1, k1: 2))
    var reader = CompletionReader(stops: stops, digest: digest, maxEventBytes: limit)
    var state = ChatExchangeState()
    require(state.modelFound() == .askForAccount && state.leased(needs: .none) == .send, "the way to an answer")
    let encoder = RecordingEncoder()
    var actions: [ChatExchangeState.Action] = []
    forEachPart(parts, of: input) { part in
      let action = reader.feed(part, &state, to: encoder)
      if action != .nothing { actions.append(action) }
      return action == .nothing
    }
    if actions.isEmpty {
      let action = reader.finishFeeding(&state, to: encoder)
      actions.append(action == .nothing ? state.transferEnded(nil) : action)
    }
    require(actions.count == 1, "an answer ends once: \(actions)")
    switch actions[0] {
    case .finish:
      require(state.stage == .ended, "it is over")
      reader.flush(to: encoder)
    case .tryElsewhere:
      require(encoder.calls.isEmpty, "another account is tried only before anything went out")
    default:
      require(state.stage == .ended, "it is over: \(actions)")
    }
    (calls, pieces, usage) = (encoder.calls, reader.pieces, reader.usage)
    (self.actions, self.digest) = (actions, reader.answerDigest.trimmed)
  }
}

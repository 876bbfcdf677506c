import HTTPClient
import HTTPServer
import Wire
import XSTech

/// What the filter lets through goes to the dialect's encoder.
struct EncoderSink: AnswerSink {
  private let encoder: any AnswerEncoder

  init(_ encoder: any AnswerEncoder) { self.encoder = encoder }

  func content(_ inside: UnsafeRawBufferPointer) { encoder.content(inside) }
  func reasoning(_ inside: UnsafeRawBufferPointer) { encoder.reasoning(inside) }
}

// The way of the bytes: from the transfer's callback to the client's socket in one go.
extension ChatExchange: HTTPTransferDelegate {
  func transfer(_ transfer: HTTPTransfer, didReceiveHead head: HTTPClientResponseHead) {
    guard state.stage != .ended else { return }
    clock.heard(core.loop.now)
    do throws(GatewayError) { response = try CompletionResponse(head) } catch { fail(error) }
  }

  func transfer(_ transfer: HTTPTransfer, didReceive bytes: UnsafeRawBufferPointer) {
    guard state.stage != .ended, let response else { return }
    clock.heard(core.loop.now)
    switch response.kind {
    case .document:
      if !response.collect(bytes) { fail(response.failure) }
    case .eventStream:
      decode(bytes)
      if state.stage != .ended, http.isBackedUp {
        transfer.pause()
        clock.paused(core.loop.now, true)
      }
    }
  }

  func transfer(_ transfer: HTTPTransfer, didEnd error: HTTPClientError?) {
    self.transfer = nil
    guard state.stage != .ended else { return releaseTransfer() }
    if error == nil, let response {
      switch response.kind {
      case .document: return fail(response.failure)
      case .eventStream: decoder.finish { event($0) }
      }
    }
    perform(state.transferEnded(error))
  }

  private func decode(_ bytes: UnsafeRawBufferPointer) {
    do throws(SSEError) { try decoder.feed(bytes) { event($0) } } catch {
      switch error {
      case .lineTooLong(let limit): fail(.badResponse("an event is longer than \(limit) bytes (upstream.max_event_bytes)"))
      }
    }
  }

  /// - Returns: whether more events are wanted.
  private func event(_ data: UnsafeRawBufferPointer) -> Bool {
    do throws(EventError) {
      switch try Event.decode(data) {
      case .text(let inside, let hasEscapes): piece(inside, hasEscapes: hasEscapes)
      case .record(let finished): recordArrived(finished)
      case .failure(let code, let message): fail(FailureClassifier.envelope(code: code, message: message))
      case .done: perform(state.doneArrived())
      case .unknown: break
      }
    } catch {
      fail(.badResponse(error.reason))
    }
    return state.stage != .ended
  }

  private func piece(_ inside: UnsafeRawBufferPointer, hasEscapes: Bool) {
    guard state.pieceArrived(), let encoder else { return }
    let now = core.loop.now
    if record.pieces == 0 { record.firstPieceAt = now }
    record.pieces += 1
    clock.spoke(now)
    var sink = EncoderSink(encoder)
    filter.piece(inside, hasEscapes: hasEscapes, to: &sink)
    if filter.isStopped { perform(state.stopReached()) }
  }

  private func recordArrived(_ finished: Record) {
    guard state.recordArrived(), let encoder else { return }
    usage = finished.usage
    var sink = EncoderSink(encoder)
    finished.text.withUnsafeBytes { filter.tail(of: $0, to: &sink) }
    guard !filter.isStopped else { return perform(state.stopReached()) }
    clock.recorded(core.loop.now)
    rearm()
  }
}

extension ChatExchange: HTTPServerExchangeDelegate {
  func exchange(_ exchange: HTTPServerExchange, didReadBody body: ByteBuffer) { begin(body) }

  func exchangeDidDrain(_ exchange: HTTPServerExchange) {
    clock.paused(core.loop.now, false)
    transfer?.resume()
    rearm()
  }

  func exchangeDidClose(_ exchange: HTTPServerExchange) { perform(state.clientClosed()) }
}

import EventLoop
import HTTPClient
import HTTPServer
import Wire

// The way of the bytes: from the transfer's callback to the client's socket in one go.
extension ChatExchange: HTTPTransferDelegate {
  func transfer(_ transfer: HTTPTransfer, didReceiveHead head: HTTPClientResponseHead) {
    guard state.stage != .ended else { return }
    clock.heard(core.loop.now)
    rearm()
    do throws(GatewayError) {
      let response = try CompletionResponse(head, classifier: core.upstream.classifier)
      self.response = response
      guard response.kind == .eventStream else { return }
      state.streamBegan()
      transfer.touchedNext = touchedNext
    } catch {
      fail(error)
    }
  }

  /// What the next piece of text will touch.
  private var touchedNext: PrefetchList {
    var list = PrefetchList()
    list.add(self, bytes: Self.hotBytes)
    encoder?.addTouched(to: &list)
    http.addTouched(to: &list)
    return list
  }

  func transfer(_ transfer: HTTPTransfer, didReceive bytes: UnsafeRawBufferPointer) {
    // A transfer that was given up is cancelled and says nothing more.
    assert(transfer === self.transfer || state.stage == .ended)
    guard state.stage != .ended else { return }
    clock.heard(core.loop.now)
    guard state.isStreaming else { return collect(bytes) }
    guard let encoder else { return }
    let (stage, pieces) = (state.stage, reader.pieces)
    let action = reader.feed(bytes, &state, to: encoder)
    if reader.pieces > pieces { spoke(reader.pieces - pieces) }
    if state.stage != stage || !action.isNothing { follow(action, from: stage) }
    if state.stage != .ended, http.isBackedUp {
      transfer.pause()
      clock.paused(core.loop.now, true)
    }
  }

  /// Of a response that is no event stream.
  private func collect(_ bytes: UnsafeRawBufferPointer) {
    if response?.collect(bytes) == false, let response { fail(response.failure) }
  }

  func transfer(_ transfer: HTTPTransfer, didEnd error: HTTPClientError?) {
    self.transfer = nil
    guard state.stage != .ended else { return releaseTransfer() }
    if error == nil, let response {
      switch response.kind {
      case .document: return fail(response.failure)
      case .eventStream:
        guard let encoder else { break }
        let stage = state.stage
        let action = reader.finishFeeding(&state, to: encoder)
        follow(action, from: stage)
      }
    }
    perform(state.transferEnded(error, withConnection: response?.head.endsWithConnection == true))
  }

  private func follow(_ action: ChatExchangeState.Action, from stage: ChatExchangeState.Stage) {
    if stage == .asking, state.stage == .answering || state.stage == .recorded || state.stage == .ended { forgetQuestion() }
    perform(action)
    if state.stage == .recorded {
      clock.recorded(core.loop.now)
      rearm()
    }
  }

  private func spoke(_ pieces: Int) {
    let now = core.loop.now
    if let lastPiecesAt {
      core.metrics.received(pieces: pieces, after: now - lastPiecesAt)
    } else {
      core.metrics.received(pieces: pieces, after: nil)
      record.firstPieceAt = now
    }
    lastPiecesAt = now
    clock.spoke(now)
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

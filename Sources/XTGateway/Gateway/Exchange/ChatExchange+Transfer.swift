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
      if response.kind == .eventStream { state.streamBegan() }
    } catch {
      fail(error)
    }
  }

  func transfer(_ transfer: HTTPTransfer, didReceive bytes: UnsafeRawBufferPointer) {
    guard transfer === self.transfer, state.stage != .ended, let kind = response?.kind else { return }
    clock.heard(core.loop.now)
    switch kind {
    case .document: if response?.collect(bytes) == false, let response { fail(response.failure) }
    case .eventStream:
      guard let encoder else { return }
      let (stage, pieces) = (state.stage, reader.pieces)
      let action = reader.feed(bytes, &state, to: encoder)
      if reader.pieces > pieces { spoke(reader.pieces - pieces) }
      follow(action, from: stage)
      if state.stage == .recorded { recorded() }
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
      case .eventStream:
        guard let encoder else { break }
        let stage = state.stage
        let action = reader.finishFeeding(&state, to: encoder)
        follow(action, from: stage)
      }
    }
    perform(state.transferEnded(error))
  }

  private func follow(_ action: ChatExchangeState.Action, from stage: ChatExchangeState.Stage) {
    if stage == .asking, state.stage == .answering || state.stage == .recorded || state.stage == .ended { forgetQuestion() }
    if !action.isNothing { perform(action) }
  }

  private func spoke(_ pieces: Int) {
    let now = core.loop.now
    core.metrics.received(pieces: pieces, after: lastPiecesAt.map { now - $0 })
    lastPiecesAt = now
    clock.spoke(now)
    if record.firstPieceAt == nil { record.firstPieceAt = now }
  }

  private func recorded() {
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

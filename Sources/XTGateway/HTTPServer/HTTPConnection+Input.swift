import EventLoop
import Wire

/// What comes in: bytes on their way to the parser, the body or the dust bin.
extension HTTPConnection {
  var keptBytes: Int { kept?.count ?? 0 }
  var lentBuffers: Int { (kept == nil ? 0 : 1) + (output.buffer == nil ? 0 : 1) + (output.inFlight == 0 ? 0 : 1) }

  func keep(_ bytes: UnsafeRawBufferPointer) {
    guard state.phase != .closed else { return }
    let buffer = kept ?? server.pool.take()
    buffer.append(bytes)
    kept = buffer
  }

  func processKept() {
    guard !isProcessing, let kept else { return }
    let taken = process(kept.bytes)
    kept.consume(taken)
    if kept.isEmpty || state.phase == .closed {
      self.kept = nil
      server.pool.give(kept)
    }
  }

  /// - Returns: how many of the bytes were used; the rest has to be kept.
  func process(_ bytes: UnsafeRawBufferPointer) -> Int {
    isProcessing = true
    defer { isProcessing = false }
    var offset = 0
    while offset < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
      switch state.input(unsent: output.unsentBytes) {
      case .head: offset += parse(rest)
      case .body: offset += decode(rest, into: body)
      case .discard: offset += decode(rest, into: nil)
      case .keep: return offset
      case .drop:
        send(.dropped(rest.count))
        return bytes.count
      }
    }
    return offset
  }

  private func parse(_ bytes: UnsafeRawBufferPointer) -> Int {
    var taken = 0
    do throws(HTTPRequestError) {
      let head = try parser.parse(bytes, consumed: &taken)
      if head != nil || parser.isMidHead { send(.headBytes) }
      if let head { begin(head, bytesFollow: taken < bytes.count) }
    } catch {
      send(.requestFailed(HTTPProblem(error)))
    }
    return taken
  }

  private func begin(_ head: consuming HTTPRequestHead, bytesFollow: Bool) {
    self.bytesFollow = bytesFollow
    decoder = HTTPBodyDecoder(head.framing)
    let request = HTTPConnectionState.Request(
      framing: head.framing, keepsAlive: head.keepsAlive, expectsContinue: head.expectsContinue,
      hasUnknownExpectation: head.hasUnknownExpectation)
    exchange = HTTPServerExchange(head: head, connection: self)
    send(.headCompleted(request))
  }

  private func decode(_ bytes: UnsafeRawBufferPointer, into body: ByteBuffer?) -> Int {
    do throws(HTTPRequestError) {
      let taken = try decoder.decode(bytes, into: body, limit: bodyLimit)
      send(decoder.isComplete ? .bodyCompleted : .bodyBytes(taken))
      return taken
    } catch {
      send(.requestFailed(HTTPProblem(error)))
      return 0
    }
  }

  private var bodyLimit: Int {
    if case .answering(.reading(let limit), _) = state.phase { return limit }
    return Int.max
  }

  func readBody(limit: Int) {
    send(.bodyWanted(limit: limit, hasBytes: isProcessing ? bytesFollow : kept != nil))
    guard case .answering(.reading, _) = state.phase, body == nil else { return }
    // Memory follows what has arrived, not what was announced.
    body = ByteBuffer(capacity: min(decoder.remainingBytes ?? 0, 65536))
    if !isProcessing { schedule() }
  }

  func forgetBody() { body = nil }

  var bodyRemaining: Int? { decoder.remainingBytes }
}

import EventLoop
import Wire

/// Drives one connection: feeds `HTTPConnectionState` with what happens and does what it says.
///
/// Every callback ends in `settle`, which brings reading and the timer in line with the state. Output gathers during a callback
/// and leaves at its end (`runDeferred`), when the next request of a pipeline is looked at as well.
final class HTTPConnection: TCPConnectionDelegate, DeferredWork {
  let server: HTTPServer
  let tcp: TCPConnection
  let peerAddress: String
  /// It is one too many and only gets its refusal.
  let isRefused: Bool
  var state: HTTPConnectionState
  var output = HTTPOutput()
  var exchange: HTTPServerExchange?
  /// Where this stands in the server's list.
  var slot = 0
  private var parser: HTTPRequestParser
  private var decoder = HTTPBodyDecoder(.none)
  /// The body as far as it has come, while it is being read.
  private var body: ByteBuffer?
  /// Bytes that came before they could be used: those of further requests, or of a body that nobody has asked for yet.
  private var kept: ByteBuffer?
  private var timer: LoopTimer?
  /// What the timer is set to; it may be earlier than the deadline, never later.
  private var timerDeadline = HTTPConnectionState.never
  private var isReading = false
  private var isProcessing = false
  /// Whether there was more behind the head that is being processed.
  private var bytesFollow = false
  private var isScheduled = false
  private var countsAsBusy = false

  init(server: HTTPServer, tcp: TCPConnection, isRefused: Bool) {
    self.server = server
    self.tcp = tcp
    self.isRefused = isRefused
    peerAddress = tcp.peerAddress
    state = HTTPConnectionState(
      configuration: server.configuration, now: server.loop.now, refused: isRefused, isDraining: server.isDraining)
    parser = HTTPRequestParser(
      limits: .init(
        maxHeaderBytes: server.configuration.maxHeaderBytes, maxHeaders: server.configuration.maxHeaders,
        maxURLBytes: server.configuration.maxURLBytes))
  }

  func start() {
    tcp.delegate = self
    timer = LoopTimer(loop: server.loop) { self.timerFired() }
    if isRefused { refuse(.tooManyConnections) }
    settle()
  }

  // MARK: Callbacks

  func connection(_ connection: TCPConnection, didRead bytes: UnsafeRawBufferPointer) {
    if let kept {
      kept.append(bytes)
      processKept()
    } else {
      let taken = process(bytes)
      if taken < bytes.count { keep(UnsafeRawBufferPointer(rebasing: bytes[taken...])) }
    }
    settle()
  }

  func connectionDidReadEnd(_ connection: TCPConnection) {
    isReading = false
    send(.peerEnded)
    settle()
  }

  func connection(_ connection: TCPConnection, didFail error: UVError) {
    send(.socketFailed)
    settle()
  }

  func connection(_ connection: TCPConnection, didWrite buffer: ByteBuffer) {
    server.pool.give(buffer)
    output.inFlight = 0
    flush(taken: true)
    processKept()
    settle()
  }

  func runDeferred() {
    isScheduled = false
    flush(taken: false)
    processKept()
    settle()
  }

  private func timerFired() {
    timerDeadline = HTTPConnectionState.never
    send(.clock)
    settle()
  }

  /// Sees to it that `runDeferred` comes at the end of this callback.
  func schedule() {
    guard !isScheduled else { return }
    isScheduled = true
    server.loop.enqueue(self)
  }

  private func settle() {
    guard state.phase != .closed else { return }
    let wantsRead = state.wantsRead(kept: kept?.count ?? 0, unsent: output.unsentBytes)
    if wantsRead != isReading {
      isReading = wantsRead
      if wantsRead { tcp.startReading() } else { tcp.stopReading() }
    }
    let deadline = state.deadline
    if deadline < timerDeadline {
      let now = server.loop.now
      timer?.start(after: deadline > now ? deadline - now : 0)
      timerDeadline = deadline
    }
    countBusy(state.isBusy)
  }

  private func countBusy(_ isBusy: Bool) {
    guard isBusy != countsAsBusy else { return }
    countsAsBusy = isBusy
    server.busyChanged(by: isBusy ? 1 : -1)
  }

  // MARK: Input

  var keptBytes: Int { kept?.count ?? 0 }
  var lentBuffers: Int { (kept == nil ? 0 : 1) + (output.buffer == nil ? 0 : 1) + (output.inFlight == 0 ? 0 : 1) }

  private func keep(_ bytes: UnsafeRawBufferPointer) {
    guard state.phase != .closed else { return }
    let buffer = kept ?? server.pool.take()
    buffer.append(bytes)
    kept = buffer
  }

  private func processKept() {
    guard !isProcessing, let kept else { return }
    let taken = process(kept.bytes)
    kept.consume(taken)
    if kept.isEmpty || state.phase == .closed {
      self.kept = nil
      server.pool.give(kept)
    }
  }

  /// - Returns: how many of the bytes were used; the rest has to be kept.
  private func process(_ bytes: UnsafeRawBufferPointer) -> Int {
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

  private func begin(_ head: HTTPRequestHead, bytesFollow: Bool) {
    self.bytesFollow = bytesFollow
    decoder = HTTPBodyDecoder(head.framing)
    let exchange = HTTPServerExchange(head: head, connection: self)
    self.exchange = exchange
    let request = HTTPConnectionState.Request(
      framing: head.framing, keepsAlive: head.keepsAlive, expectsContinue: head.expectsContinue,
      hasUnknownExpectation: head.hasUnknownExpectation)
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

  // MARK: Actions

  func send(_ event: HTTPConnectionState.Event) {
    perform(state.event(event, now: server.loop.now))
  }

  private func perform(_ action: HTTPConnectionState.Action) {
    switch action {
    case .none: break
    case .start:
      if let exchange { server.service.requestStarted(exchange) }
    case .sendContinue:
      output.open(server.pool).append("HTTP/1.1 100 Continue\r\n\r\n")
      schedule()
    case .deliverBody: deliverBody()
    case .refuse(let problem): refuse(problem)
    case .shutdown: tcp.shutdown()
    case .close: finish { $0.close() }
    case .reset: finish { $0.reset() }
    }
  }

  private func deliverBody() {
    let complete = body ?? ByteBuffer()
    body = nil
    guard let exchange else { return }
    exchange.delegate?.exchange(exchange, didReadBody: complete)
  }

  private func finish(_ end: (TCPConnection) -> Void) {
    end(tcp)
    timer?.close()
    timer = nil
    body = nil
    if let buffer = output.takeBuffer() { server.pool.give(buffer) }
    if !isProcessing { kept = nil }
    countBusy(false)
    server.remove(self)
    endExchange()
  }

  /// Ends an exchange whose response is not complete.
  func endExchange() {
    let ended = exchange
    exchange = nil
    ended?.closedByConnection()
  }
}

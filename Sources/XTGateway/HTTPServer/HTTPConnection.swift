import EventLoop
import Wire

/// Drives one connection: feeds `HTTPConnectionState` with what happens and does what it says.
///
/// Every callback ends in `settle`, which brings reading and the timer in line with the state. Output gathers during a callback
/// and leaves at its end (`runDeferred`), when the next request of a pipeline is looked at as well.
final class HTTPConnection: TCPConnectionDelegate, DeferredWork, TurnWork {
  // What a chunk of a stream touches comes first, so that it lies in few cache lines.
  // None of these is held across a call that leads back here; the run-time check for that cost more than what a chunk does to them.
  let server: HTTPServer
  let tcp: TCPConnection
  @exclusivity(unchecked) var output = HTTPOutput()
  /// Bytes that the socket has taken since the connection was made.
  @exclusivity(unchecked) var sentBytes = 0
  /// Of the exchange's stream, once it has begun.
  @exclusivity(unchecked) var streamForm = StreamForm.dropped
  @exclusivity(unchecked) private var isScheduled = false
  /// Something has happened to `state` that reading, timer and counts were not brought in line with yet.
  @exclusivity(unchecked) private var isUnsettled = true
  @exclusivity(unchecked) private var isReading = false
  var isProcessing = false
  /// Bytes that came before they could be used: those of further requests, or of a body that nobody has asked for yet.
  var kept: ByteBuffer?
  @exclusivity(unchecked) var state: HTTPConnectionState
  @exclusivity(unchecked) var exchange: HTTPServerExchange?

  let peerAddress: String
  /// It is one too many and only gets its refusal, which is this.
  let excess: HTTPProblem?
  /// `sentBytes` and what was unsent when the present response began; nil before that.
  var responseStart: Int?
  /// Where this stands in the server's list.
  var slot = 0
  var parser: HTTPRequestParser
  var decoder = HTTPBodyDecoder(.none)
  /// The body as far as it has come, while it is being read.
  var body: ByteBuffer?
  private var timer: LoopTimer?
  /// What the timer is set to; it may be earlier than the deadline, never later.
  private var timerDeadline = HTTPConnectionState.never
  /// Whether there was more behind the head that is being processed.
  var bytesFollow = false
  private var awaitsTurn = false
  private var countsAsBusy = false

  init(server: HTTPServer, tcp: TCPConnection, excess: HTTPProblem?) {
    self.server = server
    self.tcp = tcp
    self.excess = excess
    peerAddress = tcp.peerAddress
    state = HTTPConnectionState(
      configuration: server.configuration, now: server.loop.now, refused: excess != nil, isDraining: server.isDraining)
    parser = HTTPRequestParser(
      limits: .init(
        maxHeaderBytes: server.configuration.maxHeaderBytes, maxHeaders: server.configuration.maxHeaders,
        maxURLBytes: server.configuration.maxURLBytes))
  }

  func start() {
    tcp.delegate = self
    timer = LoopTimer(loop: server.loop) { self.timerFired() }
    if let excess { refuse(excess) }
    settle()
  }

  // MARK: Callbacks

  func connection(_ connection: TCPConnection, didRead bytes: UnsafeRawBufferPointer) {
    send(.received(bytes.count))
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
    noteSent(output.inFlight)
    output.inFlight = 0
    flush(taken: true)
    processKept()
    settle()
  }

  func runDeferred() {
    isScheduled = false
    if kept == nil, !isUnsettled, sendChunkAlone() { return }
    flush(taken: false)
    processKept()
    settle()
  }

  func runTurn() {
    awaitsTurn = false
    send(.turnBegan)
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
    isUnsettled = false
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
    if state.awaitsTurn && !awaitsTurn {
      awaitsTurn = true
      server.loop.enqueueNextTurn(self)
    }
    countBusy(state.isBusy)
  }

  private func countBusy(_ isBusy: Bool) {
    guard isBusy != countsAsBusy else { return }
    countsAsBusy = isBusy
    server.busyChanged(by: isBusy ? 1 : -1)
  }

  // MARK: Actions

  func send(_ event: HTTPConnectionState.Event) {
    isUnsettled = true
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

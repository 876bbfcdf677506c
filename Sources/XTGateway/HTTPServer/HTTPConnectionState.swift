import Wire

/// The policy of one server connection: what may come when, what is done about it, and until when. Pure: bytes, sockets and clocks
/// are its driver's, `HTTPConnection`.
struct HTTPConnectionState: ~Copyable {
  /// A body of no use is still read to keep the connection if no more than this is to come of it.
  static let maxDiscardedBytes = 65536
  /// Bytes of further requests that are kept while one is being answered, before reading stops.
  static let maxPipelinedBytes = 16384
  /// Bytes that a lingering connection drops before it gives up.
  static let maxLingerBytes = 64 << 20
  static let never = UInt64.max

  private(set) var phase: Phase
  private var unsent = 0
  private var request = Request()
  private var isDraining = false
  /// The connection ends with the present response.
  private var isLast = false
  private var peerHasEnded = false
  private var droppedBytes = 0
  private var bodyClock = BodyClock()
  private var turn = TurnBudget()
  /// The end of the present phase …
  private var phaseDeadline: UInt64
  /// … and of a write that the socket does not take.
  private var writeDeadline = never
  private let configuration: HTTPServerConfiguration

  /// `refused`: the connection is one too many; its answer is about to be written.
  init(configuration: HTTPServerConfiguration, now: UInt64, refused: Bool = false, isDraining: Bool = false) {
    self.configuration = configuration
    self.isDraining = isDraining
    phase = refused ? .closing(lingers: true) : .idle
    isLast = refused
    phaseDeadline = refused ? Self.never : now + configuration.headerTimeoutMilliseconds
  }

  /// When to send `.clock`, in the same milliseconds as `now`; `never` if nothing waits.
  var deadline: UInt64 { min(phaseDeadline, writeDeadline) }

  /// Whether something is in flight: a request, or the last bytes of a response.
  var isBusy: Bool {
    switch phase {
    // Further requests may be waiting for the next turn.
    case .idle: unsent > 0 || turn.isSpent
    case .head, .answering, .closing: true
    case .lingering, .closed: false
    }
  }

  /// Whether a response is on its way and the socket takes all of it at once: bytes that leave whole are no event then.
  var isSendingFreely: Bool {
    guard unsent == 0, case .answering(_, .started) = phase else { return false }
    return true
  }

  /// Whether the response whose head is being written lets the connection live.
  var keepsAlive: Bool { !isLast }

  /// Whether the connection has had its part of this turn; `.turnBegan` is then owed in a later one.
  var awaitsTurn: Bool { turn.isSpent && phase != .closed }

  /// `unsent`: bytes in the output. A client that sends requests but reads no answers is not served any further.
  func input(unsent: Int) -> Input {
    switch phase {
    case .idle: turn.isSpent || unsent >= configuration.highWaterMark ? .keep : .head
    case .head: .head
    case .answering(.reading, _): .body
    case .answering(.discarding, _): .discard
    case .answering(.dropped, _): .drop
    case .answering(.unread, _), .answering(.complete, _): .keep
    case .closing, .lingering, .closed: .drop
    }
  }

  /// Whether the driver should be reading, with so many bytes kept and so many unsent.
  func wantsRead(kept: Int, unsent: Int) -> Bool {
    if phase == .closed || peerHasEnded || turn.isSpent { return false }
    return input(unsent: unsent) != .keep || (kept < Self.maxPipelinedBytes && phase != .idle)
  }

  mutating func event(_ event: Event, now: UInt64) -> Action {
    if phase == .closed { return .none }
    switch event {
    case .received(let count):
      turn.spend(bytes: count, now: now)
      return .none
    case .turnBegan:
      turn.renew(now)
      return .none
    case .headBytes: return headBytes(now)
    case .headCompleted(let request): return headCompleted(request)
    case .requestFailed(let problem): return refuse(problem)
    case .bodyWanted(let limit, let hasBytes): return bodyWanted(limit, hasBytes, now)
    case .bodyBytes(let count): return bodyBytes(count, now)
    case .bodyCompleted: return bodyCompleted(now)
    case .responseStarted(let remaining, let delimitedByClose): return responseStarted(remaining, delimitedByClose, now)
    case .responseEnded(let close): return responseEnded(close, now)
    case .written(let taken, let unsent): return written(taken, unsent, now)
    case .dropped(let count): return dropped(count)
    case .peerEnded: return peerEnded()
    case .socketFailed, .serverClosed: return end(.close)
    case .aborted: return end(.reset)
    case .clock: return clock(now)
    case .drainStarted:
      isDraining = true
      return .none
    case .drained: return drained()
    }
  }
}

// MARK: - The request

extension HTTPConnectionState {
  private mutating func headBytes(_ now: UInt64) -> Action {
    guard phase == .idle else { return .none }
    phase = .head
    phaseDeadline = now + configuration.headerTimeoutMilliseconds
    return .none
  }

  private mutating func headCompleted(_ request: Request) -> Action {
    guard phase == .head else { preconditionFailure("a head can end only where one began") }
    turn.spendRequest()
    self.request = request
    isLast = !request.keepsAlive
    phaseDeadline = Self.never
    let isEmpty = request.framing == .none || request.framing == .length(0)
    phase = .answering(isEmpty ? .complete : .unread, .pending)
    return request.hasUnknownExpectation ? refuse(.expectationFailed) : .start
  }

  private mutating func bodyWanted(_ limit: Int, _ hasBytes: Bool, _ now: UInt64) -> Action {
    switch phase {
    case .answering(.complete, .pending):
      return .deliverBody
    case .answering(.unread, .pending):
      if case .length(let length) = request.framing, length > limit { return refuse(.bodyTooLarge(limit: limit)) }
      phase = .answering(.reading(limit: limit), .pending)
      phaseDeadline = bodyClock.start(configuration, now)
      let mustContinue = request.expectsContinue && !hasBytes
      // Answered or needless, but settled: the body is on its way.
      request.expectsContinue = false
      return mustContinue ? .sendContinue : .none
    case .idle, .head, .answering, .closing, .lingering, .closed:
      return .none
    }
  }

  private mutating func bodyBytes(_ count: Int, _ now: UInt64) -> Action {
    // What is discarded has to be over by a fixed time, so that nobody holds a connection by a byte now and then.
    if case .answering(.reading, _) = phase { phaseDeadline = bodyClock.bodyCame(count, configuration, now) }
    return .none
  }

  /// The deadline of a body that is being read has come.
  private mutating func bodyIsLate(_ now: UInt64) -> Action {
    guard let next = bodyClock.next(configuration, now) else { return refuse(.requestTimeout) }
    phaseDeadline = next
    return .none
  }

  private mutating func bodyCompleted(_ now: UInt64) -> Action {
    phaseDeadline = Self.never
    switch phase {
    case .answering(.reading, let response):
      phase = .answering(.complete, response)
      return .deliverBody
    case .answering(.discarding, .complete):
      nextRequest(now)
      return .none
    case .answering(.discarding, let response):
      phase = .answering(.complete, response)
      return .none
    case .idle, .head, .answering, .closing, .lingering, .closed:
      return .none
    }
  }

  /// After the head of a response is out there is no other way to say so than to break the connection off.
  private mutating func refuse(_ problem: HTTPProblem) -> Action {
    switch phase {
    case .idle, .head, .answering(_, .pending):
      isLast = true
      phaseDeadline = Self.never
      phase = .closing(lingers: true)
      return .refuse(problem)
    case .answering(_, .started):
      return end(.reset)
    case .answering(_, .complete):
      // The body that was being discarded is broken; its own response is on the way.
      phaseDeadline = Self.never
      phase = .closing(lingers: true)
      return .none
    case .closing, .lingering, .closed:
      return .none
    }
  }
}

// MARK: - The response

extension HTTPConnectionState {
  private mutating func responseStarted(_ remaining: Int?, _ delimitedByClose: Bool, _ now: UInt64) -> Action {
    guard case .answering(let body, .pending) = phase else { preconditionFailure("a response starts once, and only for a request") }
    var next = body
    switch body {
    case .unread, .reading:
      // A client that waits for `100 Continue` may or may not send the body after another answer: nobody could tell.
      let isSmall = remaining.map { $0 <= Self.maxDiscardedBytes } ?? false
      next = isSmall && !request.expectsContinue ? .discarding : .dropped
      phaseDeadline = next == .discarding ? now + configuration.bodyTimeoutMilliseconds : Self.never
    case .discarding, .dropped, .complete:
      break
    }
    isLast = isLast || isDraining || delimitedByClose || next == .dropped
    phase = .answering(next, .started)
    return .none
  }

  private mutating func responseEnded(_ close: Bool, _ now: UInt64) -> Action {
    guard case .answering(let body, .started) = phase else { preconditionFailure("only a response that has started can end") }
    if close || isLast || isDraining {
      phaseDeadline = Self.never
      phase = .closing(lingers: body != .complete)
    } else if body == .complete {
      nextRequest(now)
    } else {
      phase = .answering(body, .complete)
    }
    return .none
  }

  private mutating func nextRequest(_ now: UInt64) {
    phase = .idle
    request = Request()
    // Counts from the last byte that left.
    phaseDeadline = unsent == 0 ? now + configuration.keepAliveTimeoutMilliseconds : Self.never
  }

  private mutating func written(_ taken: Bool, _ unsent: Int, _ now: UInt64) -> Action {
    let wasWaiting = self.unsent > 0
    self.unsent = unsent
    if unsent == 0 {
      writeDeadline = Self.never
    } else if taken || !wasWaiting {
      writeDeadline = now + configuration.writeTimeoutMilliseconds
    }
    switch phase {
    case .idle:
      // The idle clock stands still until the last byte has left.
      if unsent > 0 {
        phaseDeadline = Self.never
      } else if wasWaiting {
        phaseDeadline = now + configuration.keepAliveTimeoutMilliseconds
      }
      return .none
    case .closing(let lingers):
      guard unsent == 0 else { return .none }
      guard lingers && !peerHasEnded else { return end(.close) }
      phase = .lingering
      phaseDeadline = now + configuration.lingerTimeoutMilliseconds
      return .shutdown
    case .head, .answering, .lingering, .closed:
      return .none
    }
  }
}

// MARK: - The end

extension HTTPConnectionState {
  private mutating func dropped(_ count: Int) -> Action {
    droppedBytes += count
    switch phase {
    case .closing:
      // A client that is still sending would get a reset, and might lose the answer with it.
      phase = .closing(lingers: true)
      return .none
    case .lingering:
      return droppedBytes > Self.maxLingerBytes ? end(.close) : .none
    case .idle, .head, .answering, .closed:
      return .none
    }
  }

  /// A client that ends its side while it waits for a response counts as gone: almost none does that and still reads.
  private mutating func peerEnded() -> Action {
    peerHasEnded = true
    switch phase {
    case .idle, .closing, .answering(_, .complete):
      guard unsent > 0 else { return end(.close) }
      phaseDeadline = Self.never
      phase = .closing(lingers: false)
      return .none
    case .head, .answering, .lingering:
      return end(.close)
    case .closed:
      return .none
    }
  }

  private mutating func clock(_ now: UInt64) -> Action {
    if writeDeadline <= now { return end(.reset) }
    guard phaseDeadline <= now else { return .none }
    switch phase {
    case .idle, .lingering:
      return end(.close)
    case .head:
      return refuse(.requestTimeout)
    case .answering(.reading, _):
      return bodyIsLate(now)
    case .answering(.discarding, .complete):
      phaseDeadline = Self.never
      phase = .closing(lingers: true)
      return unsent > 0 ? .none : end(.close)
    case .answering(.discarding, let response):
      phaseDeadline = Self.never
      isLast = true
      phase = .answering(.dropped, response)
      return .none
    case .answering, .closing, .closed:
      phaseDeadline = Self.never
      return .none
    }
  }

  private mutating func drained() -> Action {
    guard phase == .idle else { return .none }
    guard unsent > 0 else { return end(.close) }
    phaseDeadline = Self.never
    phase = .closing(lingers: false)
    return .none
  }

  private mutating func end(_ action: Action) -> Action {
    phase = .closed
    phaseDeadline = Self.never
    writeDeadline = Self.never
    return action
  }
}

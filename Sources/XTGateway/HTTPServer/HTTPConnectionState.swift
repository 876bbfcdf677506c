import Wire

/// The policy of one server connection: what may come when, what is done about it, and until when. Pure: bytes, sockets and clocks
/// are its driver's, `HTTPConnection`.
struct HTTPConnectionState: ~Copyable {
  enum Phase: Equatable {
    /// No byte of a request has come. The deadline closes silently. → `head`, `closing`, `closed`.
    case idle
    /// A part of a head has come. → `answering`, `closing`, `closed`.
    case head
    /// A request is being answered. → `idle`, `closing`, `closed`.
    case answering(Body, Response)
    /// The last response is complete and its bytes are leaving; what comes in is dropped. → `lingering`, `closed`.
    case closing(lingers: Bool)
    /// Our side is ended; what comes in is dropped until the client ends its own or the deadline comes. → `closed`.
    case lingering
    /// Final.
    case closed
  }

  /// How far the body of the present request is.
  enum Body: Equatable {
    /// The service has not asked for it. → `reading`, `discarding`, `dropped`.
    case unread
    /// → `complete`, `discarding`, `dropped`.
    case reading(limit: Int)
    /// Nobody wants it, but the next request stands behind it. → `complete`, `dropped`.
    case discarding
    /// Nobody wants it, and the connection closes after the response. Final.
    case dropped
    /// Final.
    case complete
  }

  /// How far the response to the present request is.
  enum Response: Equatable {
    /// → `started`.
    case pending
    /// Its head is on the way. → `complete`.
    case started
    /// Final.
    case complete
  }

  enum Event {
    /// Bytes are there while `input` is `.head`.
    case headBytes
    case headCompleted(Request)
    /// The head or the body cannot be read.
    case requestFailed(HTTPProblem)
    /// The service wants the body. `hasBytes`: some of what follows the head is there already.
    case bodyWanted(limit: Int, hasBytes: Bool)
    /// So many bytes of the body came, but not its end.
    case bodyBytes(Int)
    case bodyCompleted
    /// A response's head is about to be written. `bodyRemaining`: bytes of the request's body still to come, nil if unknown.
    /// `delimitedByClose`: only the connection's end will tell where the response ends.
    case responseStarted(bodyRemaining: Int?, delimitedByClose: Bool)
    /// The response's last byte is in the output.
    case responseEnded(close: Bool)
    /// Output was offered to the socket. `taken`: it took at least one byte, `unsent`: bytes still here.
    case written(taken: Bool, unsent: Int)
    /// So many bytes came while `input` was `.drop`.
    case dropped(Int)
    /// The client ended its sending side.
    case peerEnded
    /// The socket failed.
    case socketFailed
    /// The service breaks the connection off.
    case aborted
    /// The clock was looked at.
    case clock
    /// The server stops: no connection is used for another request once nothing is in flight.
    case drainStarted
    /// Nothing is in flight in the whole server.
    case drained
    /// The server closes at once.
    case serverClosed
  }

  /// What the policy needs to know of a request.
  struct Request: Equatable {
    var framing: HTTPRequestHead.Framing = .none
    var keepsAlive = true
    var expectsContinue = false
    var hasUnknownExpectation = false
  }

  enum Action: Equatable {
    case none
    /// Hand the request to the service.
    case start
    /// Write `100 Continue`.
    case sendContinue
    /// Hand the body to the service's delegate.
    case deliverBody
    /// Write the service's refusal as the last response of the connection, then end the exchange if there is one.
    case refuse(HTTPProblem)
    /// End the sending side.
    case shutdown
    /// Close; end the exchange if there is one.
    case close
    /// Close with RST; end the exchange if there is one.
    case reset
  }

  /// What to do with bytes that have come.
  enum Input: Equatable { case head, body, discard, keep, drop }

  /// A body of no use is still read to keep the connection if no more than this is to come of it.
  static let maxDiscardedBytes = 65536
  /// Bytes of further requests that are kept while one is being answered, before reading stops.
  static let maxPipelinedBytes = 16384
  /// Over how many milliseconds the speed of a body is measured.
  static let bodyWindow: UInt64 = 10000
  /// Bytes that a lingering connection drops before it gives up.
  static let maxLingerBytes = 64 << 20
  static let never = UInt64.max

  private let configuration: HTTPServerConfiguration
  private(set) var phase: Phase
  private var request = Request()
  private var isDraining = false
  /// The connection ends with the present response.
  private var isLast = false
  private var peerHasEnded = false
  private var unsent = 0
  private var droppedBytes = 0
  /// When the window ends in which the speed of the present body is measured …
  private var windowEnd = never
  /// … and how many bytes it has brought so far.
  private var windowBytes = 0
  /// The end of the present phase …
  private var phaseDeadline: UInt64
  /// … and of a write that the socket does not take.
  private var writeDeadline = never

  /// `refused`: the connection is one too many; its answer is about to be written.
  init(configuration: HTTPServerConfiguration, now: UInt64, refused: Bool = false, isDraining: Bool = false) {
    self.configuration = configuration
    self.isDraining = isDraining
    phase = refused ? .closing(lingers: true) : .idle
    phaseDeadline = refused ? Self.never : now + configuration.headerTimeoutMilliseconds
  }

  /// When to send `.clock`, in the same milliseconds as `now`; `never` if nothing waits.
  var deadline: UInt64 { min(phaseDeadline, writeDeadline) }

  /// Whether something is in flight: a request, or the last bytes of a response.
  var isBusy: Bool {
    switch phase {
    case .idle: unsent > 0
    case .head, .answering, .closing: true
    case .lingering, .closed: false
    }
  }

  /// Whether the response whose head is being written lets the connection live.
  var keepsAlive: Bool { !isLast }

  /// `unsent`: bytes in the output. A client that sends requests but reads no answers is not served any further.
  func input(unsent: Int) -> Input {
    switch phase {
    case .idle: unsent >= configuration.highWaterMark ? .keep : .head
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
    if phase == .closed || peerHasEnded { return false }
    return input(unsent: unsent) != .keep || (kept < Self.maxPipelinedBytes && phase != .idle)
  }

  mutating func event(_ event: Event, now: UInt64) -> Action {
    if phase == .closed { return .none }
    switch event {
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
      startWindow(now)
      phaseDeadline = min(now + configuration.bodyTimeoutMilliseconds, windowEnd)
      let mustContinue = request.expectsContinue && !hasBytes
      // Answered or needless, but settled: the body is on its way.
      request.expectsContinue = false
      return mustContinue ? .sendContinue : .none
    case .idle, .head, .answering, .closing, .lingering, .closed:
      return .none
    }
  }

  private mutating func bodyBytes(_ count: Int, _ now: UInt64) -> Action {
    windowBytes += count
    phaseDeadline = min(now + configuration.bodyTimeoutMilliseconds, windowEnd)
    return .none
  }

  private mutating func startWindow(_ now: UInt64) {
    windowEnd = configuration.bodyMinBytesPerSecond > 0 ? now + Self.bodyWindow : Self.never
    windowBytes = 0
  }

  /// The deadline of a body that is being read has come.
  private mutating func bodyIsLate(_ now: UInt64) -> Action {
    let wanted = configuration.bodyMinBytesPerSecond * Int(Self.bodyWindow / 1000)
    guard windowEnd <= now, windowBytes >= wanted else { return refuse(.requestTimeout) }
    startWindow(now)
    // Not before the window's end: its bytes are recent enough to count as progress.
    phaseDeadline = min(now + configuration.bodyTimeoutMilliseconds, windowEnd)
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
      windowEnd = Self.never
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

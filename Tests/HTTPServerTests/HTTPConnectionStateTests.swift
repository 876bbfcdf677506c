import Testing

@testable import HTTPServer

/// A connection's policy with a clock that the test turns.
private final class Machine {
  typealias State = HTTPConnectionState
  private var state: State
  var now: UInt64 = 1000

  init(refused: Bool = false, _ change: (inout HTTPServerConfiguration) -> Void = { _ in }) {
    var configuration = HTTPServerConfiguration()
    configuration.headerTimeoutMilliseconds = 100
    configuration.bodyTimeoutMilliseconds = 300
    configuration.keepAliveTimeoutMilliseconds = 700
    configuration.writeTimeoutMilliseconds = 600
    configuration.lingerTimeoutMilliseconds = 50
    change(&configuration)
    state = State(configuration: configuration, now: now, refused: refused)
  }

  var phase: State.Phase { state.phase }
  var deadline: UInt64 { state.deadline }
  var isBusy: Bool { state.isBusy }
  var keepsAlive: Bool { state.keepsAlive }
  var awaitsTurn: Bool { state.awaitsTurn }
  func input(unsent: Int) -> State.Input { state.input(unsent: unsent) }
  func wantsRead(kept: Int, unsent: Int) -> Bool { state.wantsRead(kept: kept, unsent: unsent) }

  @discardableResult func send(_ event: State.Event) -> State.Action { state.event(event, now: now) }

  /// A request's head, from the idle state.
  @discardableResult func request(_ request: State.Request = .init()) -> State.Action {
    send(.headBytes)
    return send(.headCompleted(request))
  }

  func respond(remaining: Int? = 0, close: Bool = false) {
    send(.responseStarted(bodyRemaining: remaining, delimitedByClose: false))
    send(.responseEnded(close: close))
  }

  /// Everything leaves at once.
  @discardableResult func flush() -> State.Action { send(.written(taken: true, unsent: 0)) }

  /// Lets time pass up to the deadline.
  func timeOut() -> State.Action {
    now = state.deadline
    return send(.clock)
  }
}

@Suite("Connection state")
struct HTTPConnectionStateTests {
  typealias State = HTTPConnectionState

  @Test func aRequestAndTheNext() {
    let machine = Machine()
    #expect(machine.phase == .idle && !machine.isBusy && machine.input(unsent: 0) == .head)
    machine.send(.headBytes)
    #expect(machine.phase == .head && machine.isBusy)
    #expect(machine.send(.headCompleted(.init())) == .start)
    #expect(machine.phase == .answering(.complete, .pending))
    #expect(machine.deadline == State.never)
    #expect(machine.input(unsent: 0) == .keep)
    machine.send(.responseStarted(bodyRemaining: 0, delimitedByClose: false))
    #expect(machine.keepsAlive)
    #expect(machine.phase == .answering(.complete, .started))
    #expect(machine.send(.responseEnded(close: false)) == .none)
    #expect(machine.phase == .idle)
    #expect(machine.flush() == .none)
    #expect(machine.deadline == machine.now + 700)
    #expect(machine.request() == .start)
  }

  @Test func theBodyIsReadOnDemand() {
    let machine = Machine()
    machine.request(.init(framing: .length(10)))
    #expect(machine.phase == .answering(.unread, .pending))
    #expect(machine.input(unsent: 0) == .keep)
    #expect(machine.send(.bodyWanted(limit: 10, hasBytes: false)) == .none)
    #expect(machine.input(unsent: 0) == .body)
    machine.now += 200
    machine.send(.bodyBytes(1))
    #expect(machine.deadline == machine.now + 300)
    #expect(machine.send(.bodyCompleted) == .deliverBody)
    #expect(machine.deadline == State.never)
    machine.respond()
    #expect(machine.phase == .idle)
  }

  @Test func anEmptyBodyComesAtOnce() {
    for framing in [HTTPConnectionState.Request(), .init(framing: .length(0))] {
      let machine = Machine()
      machine.request(framing)
      #expect(machine.send(.bodyWanted(limit: 0, hasBytes: false)) == .deliverBody)
    }
  }

  @Test func continueIsSentOnceAndOnlyWhereTheClientWaits() {
    let machine = Machine()
    machine.request(.init(framing: .chunked, expectsContinue: true))
    #expect(machine.send(.bodyWanted(limit: 10, hasBytes: false)) == .sendContinue)
    #expect(machine.send(.bodyWanted(limit: 10, hasBytes: false)) == .none)
    let eager = Machine()
    eager.request(.init(framing: .chunked, expectsContinue: true))
    #expect(eager.send(.bodyWanted(limit: 10, hasBytes: true)) == .none)
  }

  @Test func refusals() {
    let machine = Machine()
    #expect(machine.request(.init(framing: .length(3), hasUnknownExpectation: true)) == .refuse(.expectationFailed))
    #expect(machine.phase == .closing(lingers: true))
    #expect(!machine.keepsAlive)
    #expect(machine.flush() == .shutdown)
    #expect(machine.phase == .lingering)

    let large = Machine()
    large.request(.init(framing: .length(11)))
    #expect(large.send(.bodyWanted(limit: 10, hasBytes: false)) == .refuse(.bodyTooLarge(limit: 10)))

    let broken = Machine()
    broken.request(.init(framing: .chunked))
    broken.send(.bodyWanted(limit: 10, hasBytes: false))
    #expect(broken.send(.requestFailed(.malformed("x"))) == .refuse(.malformed("x")))

    let late = Machine()
    late.request(.init(framing: .length(5)))
    late.send(.responseStarted(bodyRemaining: 5, delimitedByClose: false))
    #expect(late.send(.requestFailed(.malformed("x"))) == .reset)

    let excess = Machine(refused: true)
    #expect(excess.input(unsent: 0) == .drop && !excess.keepsAlive)
    #expect(excess.flush() == .shutdown)
  }

  @Test func aSmallBodyThatNobodyReadIsDiscarded() {
    let machine = Machine()
    machine.request(.init(framing: .length(65536)))
    machine.send(.responseStarted(bodyRemaining: 65536, delimitedByClose: false))
    #expect(machine.keepsAlive)
    machine.send(.responseEnded(close: false))
    #expect(machine.phase == .answering(.discarding, .complete))
    #expect(machine.input(unsent: 0) == .discard)
    machine.flush()
    machine.send(.bodyBytes(1))
    #expect(machine.send(.bodyCompleted) == .none)
    #expect(machine.phase == .idle)
    #expect(machine.deadline == machine.now + 700)
  }

  @Test(arguments: [(65537, false), (nil, false), (10, true)])
  func anyOtherBodyEndsTheConnection(_ remaining: Int?, _ expectsContinue: Bool) {
    let machine = Machine()
    machine.request(.init(framing: remaining.map { .length($0) } ?? .chunked, expectsContinue: expectsContinue))
    machine.send(.responseStarted(bodyRemaining: remaining, delimitedByClose: false))
    #expect(!machine.keepsAlive)
    #expect(machine.input(unsent: 0) == .drop)
    machine.send(.responseEnded(close: false))
    #expect(machine.phase == .closing(lingers: true))
    #expect(machine.flush() == .shutdown)
    #expect(machine.send(.peerEnded) == .close)
  }

  @Test func theLastResponseCloses() {
    let machine = Machine()
    machine.request(.init(keepsAlive: false))
    machine.respond()
    #expect(machine.phase == .closing(lingers: false))
    #expect(machine.send(.written(taken: true, unsent: 5)) == .none)
    #expect(machine.flush() == .close)

    let byService = Machine()
    byService.request()
    byService.respond(close: true)
    #expect(byService.flush() == .close)

    let delimited = Machine()
    delimited.request()
    delimited.send(.responseStarted(bodyRemaining: 0, delimitedByClose: true))
    #expect(!delimited.keepsAlive)
  }

  @Test func bytesBehindTheLastRequestMakeItLinger() {
    let machine = Machine()
    machine.request(.init(keepsAlive: false))
    machine.respond()
    machine.send(.dropped(3))
    #expect(machine.flush() == .shutdown)
    #expect(machine.send(.dropped(State.maxLingerBytes)) == .close)
  }

  @Test func whoEndsWhileAnsweredIsGone() {
    for started in [false, true] {
      let machine = Machine()
      machine.request()
      if started { machine.send(.responseStarted(bodyRemaining: 0, delimitedByClose: false)) }
      #expect(machine.send(.peerEnded) == .close)
      #expect(machine.phase == .closed)
      #expect(machine.send(.written(taken: true, unsent: 0)) == .none)
    }
  }

  @Test func whoEndsAfterTheResponseStillGetsIt() {
    let machine = Machine()
    machine.request()
    machine.respond()
    machine.send(.written(taken: true, unsent: 10))
    #expect(machine.send(.peerEnded) == .none)
    #expect(machine.flush() == .close)
    let idle = Machine()
    #expect(idle.send(.peerEnded) == .close)
    let half = Machine()
    half.send(.headBytes)
    #expect(half.send(.peerEnded) == .close)
    let last = Machine()
    last.request(.init(framing: .chunked))
    last.respond(remaining: nil)
    #expect(last.send(.written(taken: true, unsent: 10)) == .none)
    #expect(last.send(.peerEnded) == .none)
    #expect(last.flush() == .close)
  }

  @Test func clocks() {
    let silent = Machine()
    #expect(silent.deadline == silent.now + 100)
    #expect(silent.timeOut() == .close)

    let slow = Machine()
    slow.now += 90
    slow.send(.headBytes)
    slow.now += 90
    slow.send(.headBytes)
    #expect(slow.send(.clock) == .none)
    #expect(slow.timeOut() == .refuse(.requestTimeout))

    let body = Machine()
    body.request(.init(framing: .length(5)))
    #expect(body.deadline == State.never)
    body.send(.bodyWanted(limit: 10, hasBytes: false))
    #expect(body.timeOut() == .refuse(.requestTimeout))

    let idle = Machine()
    idle.request()
    idle.respond()
    idle.flush()
    #expect(idle.timeOut() == .close)

    let lingering = Machine()
    lingering.request(.init(hasUnknownExpectation: true))
    lingering.flush()
    #expect(lingering.timeOut() == .close)
  }

  @Test func aBodyMustKeepUpAMinimum() {
    func trickle(_ bytesPerSecond: Int, seconds: Int) -> (last: State.Action, second: Int) {
      let machine = Machine { $0.bodyTimeoutMilliseconds = 30000 }
      machine.request(.init(framing: .chunked))
      machine.send(.bodyWanted(limit: 1 << 20, hasBytes: false))
      for second in 1...seconds {
        machine.now += 1000
        machine.send(.bodyBytes(bytesPerSecond))
        let action = machine.send(.clock)
        if action != .none { return (action, second) }
      }
      return (.none, seconds)
    }
    #expect(trickle(500, seconds: 60) == (.none, 60))
    #expect(trickle(499, seconds: 60) == (.refuse(.requestTimeout), 10))
    let short = Machine { ($0.bodyTimeoutMilliseconds, $0.bodyWindowMilliseconds) = (30000, 2000) }
    short.request(.init(framing: .chunked))
    short.send(.bodyWanted(limit: 1 << 20, hasBytes: false))
    #expect(short.deadline == short.now + 2000)
    short.send(.bodyBytes(1000))
    #expect(short.timeOut() == .none)
    short.send(.bodyBytes(999))
    #expect(short.timeOut() == .refuse(.requestTimeout))
    let off = Machine { $0.bodyMinBytesPerSecond = 0 }
    off.request(.init(framing: .chunked))
    off.send(.bodyWanted(limit: 10, hasBytes: false))
    #expect(off.deadline == off.now + 300)
    off.now += 20000
    off.send(.bodyBytes(1))
    #expect(off.send(.clock) == .none)
  }

  @Test func aClientThatDoesNotReadIsReset() {
    let machine = Machine()
    machine.request()
    machine.send(.responseStarted(bodyRemaining: 0, delimitedByClose: false))
    machine.send(.written(taken: false, unsent: 10))
    #expect(machine.deadline == machine.now + 600)
    machine.now += 500
    machine.send(.written(taken: false, unsent: 20))
    #expect(machine.deadline == machine.now + 100)
    machine.send(.written(taken: true, unsent: 15))
    #expect(machine.deadline == machine.now + 600)
    #expect(machine.timeOut() == .reset)
  }

  @Test func theIdleClockWaitsForTheLastByte() {
    let machine = Machine()
    machine.request()
    machine.respond()
    machine.send(.written(taken: true, unsent: 100))
    #expect(machine.deadline == machine.now + 600)
    #expect(machine.isBusy)
    machine.now += 550
    machine.flush()
    #expect(machine.deadline == machine.now + 700)
    #expect(!machine.isBusy)
  }

  @Test func aDiscardedBodyMayStandStillOnlySoLong() {
    let during = Machine()
    during.request(.init(framing: .length(5)))
    during.send(.responseStarted(bodyRemaining: 5, delimitedByClose: false))
    #expect(during.timeOut() == .none)
    #expect(during.phase == .answering(.dropped, .started))
    during.send(.responseEnded(close: false))
    #expect(during.flush() == .shutdown)

    let after = Machine()
    after.request(.init(framing: .length(5)))
    after.respond(remaining: 5)
    after.flush()
    // A byte now and then does not buy time.
    let deadline = after.deadline
    after.now += 200
    after.send(.bodyBytes(1))
    #expect(after.deadline == deadline)
    #expect(after.timeOut() == .close)
  }

  @Test func reading() {
    let machine = Machine { $0.highWaterMark = 100 }
    #expect(machine.wantsRead(kept: 0, unsent: 99))
    // A client that asks and never reads is not served any further.
    #expect(machine.input(unsent: 100) == .keep)
    #expect(!machine.wantsRead(kept: 0, unsent: 100))
    machine.request()
    #expect(machine.wantsRead(kept: State.maxPipelinedBytes - 1, unsent: 100))
    #expect(!machine.wantsRead(kept: State.maxPipelinedBytes, unsent: 0))
    machine.send(.aborted)
    #expect(!machine.wantsRead(kept: 0, unsent: 0))
  }

  @Test func aTurnHasRoomForSoManyRequests() {
    let machine = Machine()
    machine.send(.received(1000))
    for number in 1...TurnBudget.maxRequests {
      #expect(machine.input(unsent: 0) == .head)
      machine.request()
      machine.respond()
      machine.flush()
      #expect(machine.awaitsTurn == (number == TurnBudget.maxRequests))
    }
    // Something may be waiting, so it is neither read on nor closed by a drain.
    #expect(machine.input(unsent: 0) == .keep && !machine.wantsRead(kept: 0, unsent: 0) && machine.isBusy)
    machine.send(.turnBegan)
    #expect(!machine.awaitsTurn && machine.input(unsent: 0) == .head && machine.wantsRead(kept: 0, unsent: 0) && !machine.isBusy)
  }

  @Test func aTurnHasRoomForSoManyBytes() {
    let machine = Machine()
    machine.request(.init(framing: .chunked))
    machine.send(.bodyWanted(limit: 1 << 30, hasBytes: false))
    machine.send(.received(Int(TurnBudget.maxBytes) - 1))
    #expect(machine.wantsRead(kept: 0, unsent: 0))
    machine.send(.received(1))
    #expect(machine.awaitsTurn && !machine.wantsRead(kept: 0, unsent: 0))
    // What is there already may still be decoded.
    #expect(machine.input(unsent: 0) == .body)
    machine.send(.turnBegan)
    #expect(machine.wantsRead(kept: 0, unsent: 0))
  }

  @Test func laterIsAnotherTurn() {
    let machine = Machine()
    for _ in 0..<100 {
      machine.send(.received(100))
      machine.request()
      machine.respond()
      machine.flush()
      #expect(!machine.awaitsTurn)
      machine.now += 1
    }
  }

  @Test func draining() {
    let machine = Machine()
    machine.request()
    machine.send(.drainStarted)
    machine.send(.responseStarted(bodyRemaining: 0, delimitedByClose: false))
    #expect(!machine.keepsAlive)
    #expect(machine.send(.drained) == .none)
    machine.send(.responseEnded(close: false))
    #expect(machine.flush() == .close)

    let streaming = Machine()
    streaming.request()
    streaming.send(.responseStarted(bodyRemaining: 0, delimitedByClose: false))
    streaming.send(.drainStarted)
    streaming.send(.responseEnded(close: false))
    #expect(streaming.flush() == .close)

    let idle = Machine()
    idle.send(.drainStarted)
    #expect(idle.phase == .idle)
    #expect(idle.request() == .start)

    let quiet = Machine()
    quiet.send(.drainStarted)
    #expect(quiet.send(.drained) == .close)
  }

  @Test func everyEndIsFinal() {
    for (event, action) in [(State.Event.socketFailed, State.Action.close), (.serverClosed, .close), (.aborted, .reset)] {
      let machine = Machine()
      machine.request()
      #expect(machine.send(event) == action)
      #expect(machine.phase == .closed)
      #expect(machine.deadline == State.never)
      #expect(!machine.isBusy)
      #expect(machine.input(unsent: 0) == .drop)
      #expect(machine.send(.peerEnded) == .none)
    }
  }

  /// Events in any order that a driver can send them. Whatever comes, a connection that waits for its client has a deadline, and
  /// one whose output is empty does not wait for it.
  @Test(arguments: 0..<200) func randomWalks(_ seed: UInt64) {
    var random = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    func roll(_ count: UInt64) -> UInt64 {
      random ^= random << 13
      random ^= random >> 7
      random ^= random << 17
      return random % count
    }
    let machine = Machine()
    for _ in 0..<200 where machine.phase != .closed {
      machine.now += roll(40)
      switch roll(12) {
      case 0: machine.send(roll(8) == 0 ? .peerEnded : .clock)
      case 1: machine.send(roll(8) == 0 ? .drainStarted : .clock)
      case 2: machine.send(roll(8) == 0 ? .requestFailed(.malformed("")) : .clock)
      default: step(machine, roll)
      }
      // What a driver does at the end of every callback.
      machine.send(.written(taken: roll(2) == 0, unsent: roll(3) == 0 ? Int(roll(100)) : 0))
      switch machine.phase {
      case .idle, .head, .lingering, .answering(.reading, _), .answering(.discarding, _): #expect(machine.deadline != State.never)
      case .closing: #expect(machine.deadline != State.never, "something is unsent, or it would not be here any more")
      case .answering: break
      case .closed: #expect(machine.deadline == State.never)
      }
    }
  }

  private func step(_ machine: Machine, _ roll: (UInt64) -> UInt64) {
    switch (machine.phase, machine.input(unsent: 0)) {
    case (.idle, _): machine.send(.headBytes)
    case (.head, _):
      let framing: [HTTPConnectionState.Request] = [
        .init(), .init(framing: .chunked), .init(framing: .length(50), expectsContinue: true), .init(keepsAlive: false),
        .init(hasUnknownExpectation: true),
      ]
      machine.send(.headCompleted(framing[Int(roll(5))]))
    case (.answering(let body, .pending), _):
      if roll(2) == 0 || body == .dropped {
        machine.send(.responseStarted(bodyRemaining: roll(2) == 0 ? nil : 10, delimitedByClose: roll(8) == 0))
      } else if case .reading = body {
        machine.send(roll(2) == 0 ? .bodyCompleted : .bodyBytes(10))
      } else {
        machine.send(.bodyWanted(limit: 100, hasBytes: roll(2) == 0))
      }
    case (.answering(_, .started), _): machine.send(.responseEnded(close: roll(5) == 0))
    case (.answering(_, .complete), _): machine.send(roll(2) == 0 ? .bodyCompleted : .bodyBytes(10))
    case (.closing, _), (.lingering, _): machine.send(.dropped(10))
    case (.closed, _): break
    }
  }
}

import HTTPClient
import Testing

@testable import Gateway

@Suite("The course of an exchange") struct ChatExchangeStateTests {
  typealias Stage = ChatExchangeState.Stage
  private static let stages: [Stage] = [.models, .admission, .creating, .updating, .asking, .answering, .recorded, .ended]

  private static let broken = HTTPClientError(kind: .brokenResponse, message: "x")

  /// A machine that has come to this stage.
  private func state(_ stage: Stage) -> ChatExchangeState {
    var state = ChatExchangeState()
    switch stage {
    case .models: break
    case .admission: _ = state.modelFound()
    case .creating, .updating, .asking, .answering, .recorded, .ended:
      _ = state.modelFound()
      _ = state.leased(needs: stage == .creating ? .create : stage == .updating ? .update : .none)
      if stage == .answering { _ = state.pieceArrived() }
      if stage == .recorded { _ = state.recordArrived() }
      if stage == .ended { _ = state.clientClosed() }
    }
    return state
  }

  private static func run(_ event: String, _ state: inout ChatExchangeState) -> String {
    let action: ChatExchangeState.Action
    switch event {
    case "modelFound": action = state.modelFound()
    case "leased none": action = state.leased(needs: .none)
    case "leased update": action = state.leased(needs: .update)
    case "leased create": action = state.leased(needs: .create)
    case "created none": action = state.sessionCreated(needs: .none)
    case "created update": action = state.sessionCreated(needs: .update)
    case "updated": action = state.sessionUpdated()
    case "piece": return state.pieceArrived() ? "useful" : "-"
    case "record": return state.recordArrived() ? "useful" : "-"
    case "done": action = state.doneArrived()
    case "stop": action = state.stopReached()
    case "end": action = state.transferEnded(nil)
    case "break": action = state.transferEnded(broken)
    case "failed": action = state.failed(.noCookies)
    case "session lost": action = state.failed(.sessionLost("x"))
    case "upstream failed": action = state.failed(.upstreamFailed("x"))
    case "model gone": action = state.failed(.modelUnavailable("x"))
    case "refused": action = state.refused(.noCookies)
    case "cut off": action = state.cutOff()
    case "closed": action = state.clientClosed()
    case "due keep-alive": action = state.due(.keepAlive, poolState: .poolBusy("q"))
    case "due queue": action = state.due(.queue, poolState: .poolBusy("q"))
    case "due timeout": action = state.due(.timeout(.end), poolState: .poolBusy("q"))
    case "due grace": action = state.due(.grace, poolState: .poolBusy("q"))
    default: preconditionFailure(event)
    }
    return name(action)
  }

  private static func name(_ action: ChatExchangeState.Action) -> String {
    switch action {
    case .askForAccount: "ask"
    case .createSession: "create"
    case .replaceSession: "replace"
    case .tryElsewhere: "elsewhere"
    case .tryNextModel: "next model"
    case .updateSession: "update"
    case .send: "send"
    case .finish(let keepsSession): keepsSession ? "keep" : "finish"
    case .fail(let error): error.code
    case .abandon: "abandon"
    case .sendKeepAlive: "comment"
    case .nothing: "-"
    }
  }

  private static let lost = "upstream_failed>ended"
  /// For each stage what to do and where it leads; "-": nothing, and it stays.
  private static let table: [(event: String, cells: [String])] = [
    ("modelFound", ["ask>admission", "-", "-", "-", "-", "-", "-", "-"]),
    ("leased none", ["-", "send>asking", "-", "-", "-", "-", "-", "-"]),
    ("leased update", ["-", "update>updating", "-", "-", "-", "-", "-", "-"]),
    ("leased create", ["-", "create>creating", "-", "-", "-", "-", "-", "-"]),
    ("created none", ["-", "-", "send>asking", "-", "-", "-", "-", "-"]),
    ("created update", ["-", "-", "update>updating", "-", "-", "-", "-", "-"]),
    ("updated", ["-", "-", "-", "send>asking", "-", "-", "-", "-"]),
    ("piece", ["-", "-", "-", "-", "useful>answering", "useful>answering", "-", "-"]),
    ("record", ["-", "-", "-", "-", "useful>recorded", "useful>recorded", "-", "-"]),
    ("done", ["-", "-", "-", "-", "upstream_empty>ended", "keep>ended", "keep>ended", "-"]),
    ("stop", ["-", "-", "-", "-", "-", "finish>ended", "finish>ended", "-"]),
    ("end", ["-", "-", "-", "-", "upstream_empty>ended", "finish>ended", "keep>ended", "-"]),
    ("break", ["-", "-", "-", "-", lost, lost, "keep>ended", "-"]),
    ("failed", Array(repeating: "no_cookies>ended", count: 7) + ["-"]),
    ("session lost", [lost, lost, "elsewhere>admission", "replace>creating", "replace>creating", lost, lost, "-"]),
    ("upstream failed", [lost, lost, "elsewhere>admission", "elsewhere>admission", "elsewhere>admission", lost, lost, "-"]),
    ("model gone", Array(repeating: "model_unavailable>ended", count: 7) + ["-"]),
    ("refused", Array(repeating: "no_cookies>ended", count: 7) + ["-"]),
    ("cut off", Array(repeating: "shutting_down>ended", count: 7) + ["-"]),
    ("closed", Array(repeating: "abandon>ended", count: 7) + ["-"]),
    ("due keep-alive", Array(repeating: "comment", count: 7) + ["-"]),
    ("due queue", ["-", "pool_busy>ended", "-", "-", "-", "-", "-", "-"]),
    ("due timeout", Array(repeating: "upstream_timeout>ended", count: 6) + ["keep>ended", "-"]),
    ("due grace", ["-", "-", "-", "-", "-", "-", "keep>ended", "-"]),
  ]

  @Test func everyEventInEveryStage() {
    for (event, cells) in Self.table {
      #expect(cells.count == Self.stages.count)
      for (stage, cell) in zip(Self.stages, cells) {
        var state = state(stage)
        #expect(state.stage == stage)
        let action = Self.run(event, &state)
        let result = state.stage == stage && !cell.contains(">") ? action : "\(action)>\(state.stage)"
        #expect(result == cell, "\(event) in \(stage)")
      }
    }
  }

  @Test func aSessionIsReplacedOnce() {
    for stage in [Stage.updating, .asking] {
      var state = state(stage)
      #expect(state.failed(.sessionLost("x")) == .replaceSession)
      #expect(state.sessionCreated(needs: .none) == .send)
      #expect(state.failed(.sessionLost("x")) == .tryElsewhere(.sessionLost("x")))
    }
  }

  @Test func attemptsHaveAnEnd() {
    var policy = ChatExchangeState.Policy()
    policy.maxAttempts = 2
    var state = ChatExchangeState(policy: policy)
    _ = state.modelFound()
    _ = state.leased(needs: .none)
    #expect(state.failed(.upstreamFailed("1")) == .tryElsewhere(.upstreamFailed("1")))
    #expect(state.leased(needs: .none) == .send)
    #expect(state.attempts == 2)
    #expect(state.failed(.upstreamFailed("2")) == .fail(.upstreamFailed("2")))
  }

  @Test func withNowhereToGoTheFailureCounts() {
    var state = state(.asking)
    #expect(state.failed(.rateLimited(retryAfterSeconds: 9, "x")) == .tryElsewhere(.rateLimited(retryAfterSeconds: 9, "x")))
    #expect(state.refused(.poolUnavailable("q", retryAfterSeconds: nil)) == .fail(.rateLimited(retryAfterSeconds: 9, "x")))
    // Not every account is rate-limited: the others are busy.
    state = self.state(.asking)
    _ = state.failed(.rateLimited(retryAfterSeconds: 9, "x"))
    #expect(state.refused(.poolBusy("q")) == .fail(.poolBusy("q")))
    state = self.state(.asking)
    _ = state.failed(.upstreamFailed("x"))
    #expect(state.due(.queue, poolState: .poolBusy("q")) == .fail(.upstreamFailed("x")))
  }

  @Test func aMessageIsSentOnceUnlessTheOperatorAllowsMore() {
    let ambiguous: [GatewayError] = [.timeout(.firstByte), .connectionLost("x"), .badResponse("x"), .emptyAnswer]
    for error in ambiguous {
      var state = state(.asking)
      #expect(state.failed(error) == .fail(error))
      var policy = ChatExchangeState.Policy()
      policy.retriesAmbiguous = true
      state = ChatExchangeState(policy: policy)
      _ = state.modelFound()
      _ = state.leased(needs: .none)
      #expect(state.failed(error) == .tryElsewhere(error))
      // What only prepares the message may always be done again.
      state = self.state(.creating)
      #expect(state.failed(error) == .tryElsewhere(error))
    }
    var asking = state(.asking)
    #expect(asking.failed(.webPage("x")) == .tryElsewhere(.webPage("x")))
  }

  /// Such an end may be a break; behind the record everything is there.
  @Test func aConnectionsEndIsNoAnswersEnd() {
    var answering = state(.answering)
    guard case .fail(.connectionLost) = answering.transferEnded(nil, withConnection: true) else {
      Issue.record("taken for a whole answer")
      return
    }
    var recorded = state(.recorded)
    #expect(recorded.transferEnded(nil, withConnection: true) == .finish(keepsSession: true))
    var asking = state(.asking)
    #expect(asking.transferEnded(nil, withConnection: true) == .fail(.emptyAnswer))
  }

  @Test func otherModelsInTurn() {
    var state = ChatExchangeState()
    _ = state.modelFound(alternatives: 1)
    _ = state.leased(needs: .none)
    #expect(state.failed(.modelUnavailable("1")) == .tryNextModel(.modelUnavailable("1")))
    #expect(state.leased(needs: .update) == .updateSession)
    _ = state.sessionUpdated()
    #expect(state.failed(.modelUnavailable("2")) == .fail(.modelUnavailable("2")))
  }

  @Test func nothingFollowsTheEnd() {
    for (event, _) in Self.table {
      var state = state(.asking)
      _ = Self.run(event, &state)
      guard state.stage == .ended else { continue }
      for (late, _) in Self.table {
        #expect(Self.run(late, &state) == "-", "\(late) after \(event)")
        #expect(state.stage == .ended)
      }
    }
  }
}

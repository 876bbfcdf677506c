import HTTPClient

/// The course of one chat exchange: what comes next, and how it ends. Pure: the driver carries out what it says and nothing else.
package struct ChatExchangeState: ~Copyable {
  package enum Stage: Equatable {
    /// Waiting for the list of models. → `admission`, `ended`
    case models
    /// Waiting for an account. → `creating`, `updating`, `asking`, `ended`
    case admission
    /// A session is being made. → `updating`, `asking`, `ended`
    case creating
    /// The session is being set. → `asking`, `creating`, `ended`
    case updating
    /// The message is sent, nothing of an answer has come. → `answering`, `recorded`, `creating`, `ended`
    case asking
    /// Text has come. → `recorded`, `ended`
    case answering
    /// The record of the finished message has come; `[DONE]` or the end is awaited. → `ended`
    case recorded
    case ended
  }

  /// What the driver has at hand when it gets an account.
  package enum SessionNeed: Equatable {
    case none, update, create
  }

  package enum Action: Equatable {
    case askForAccount
    case createSession
    /// Forget the session at hand and make a new one.
    case replaceSession
    case updateSession
    case send
    /// End the answer properly. `keepsSession`: the session knows exactly what the client knows.
    case finish(keepsSession: Bool)
    /// End with an error: a response of its own, or in-band once the head is out.
    case fail(GatewayError)
    /// The client is gone: end everything, tell nobody.
    case abandon
    case sendKeepAlive
    case nothing
  }

  package private(set) var stage = Stage.models
  private var hasReplacedSession = false

  package init() {}

  package mutating func modelFound() -> Action {
    guard stage == .models else { return .nothing }
    stage = .admission
    return .askForAccount
  }

  package mutating func leased(needs need: SessionNeed) -> Action {
    guard stage == .admission else { return .nothing }
    return prepare(need)
  }

  /// - Parameter need: `update` or `none`.
  package mutating func sessionCreated(needs need: SessionNeed) -> Action {
    guard stage == .creating else { return .nothing }
    return prepare(need)
  }

  package mutating func sessionUpdated() -> Action {
    guard stage == .updating else { return .nothing }
    return prepare(.none)
  }

  private mutating func prepare(_ need: SessionNeed) -> Action {
    switch need {
    case .create:
      stage = .creating
      return .createSession
    case .update:
      stage = .updating
      return .updateSession
    case .none:
      stage = .asking
      return .send
    }
  }

  /// Whether a piece of text is of use now. Called for every piece.
  package mutating func pieceArrived() -> Bool {
    switch stage {
    case .answering: return true
    case .asking:
      stage = .answering
      return true
    case .recorded, .ended, .models, .admission, .creating, .updating: return false
    }
  }

  /// Whether the record is of use.
  package mutating func recordArrived() -> Bool {
    guard stage == .asking || stage == .answering else { return false }
    stage = .recorded
    return true
  }

  /// `[DONE]`.
  package mutating func doneArrived() -> Action { closed(error: nil) }

  /// A stop sequence was met: the answer ends here, although the upstream would go on.
  package mutating func stopReached() -> Action {
    guard stage == .answering || stage == .recorded else { return .nothing }
    stage = .ended
    return .finish(keepsSession: false)
  }

  /// The transfer is over.
  package mutating func transferEnded(_ error: HTTPClientError?) -> Action { closed(error: error) }

  private mutating func closed(error: HTTPClientError?) -> Action {
    switch stage {
    case .recorded: return end(.finish(keepsSession: true))
    case .answering: return end(error.map { .fail(FailureClassifier.transport($0)) } ?? .finish(keepsSession: true))
    case .asking: return end(.fail(error.map(FailureClassifier.transport) ?? .emptyAnswer))
    case .models, .admission, .creating, .updating, .ended: return .nothing
    }
  }

  /// A failure, found before or within the answer. A session that the upstream does not know any more is replaced, once, as long as nothing has
  /// come: the upstream has refused the message, so sending it again is no second sending.
  package mutating func failed(_ error: GatewayError) -> Action {
    guard case .sessionLost = error, stage == .updating || stage == .asking, !hasReplacedSession else { return end(.fail(error)) }
    hasReplacedSession = true
    stage = .creating
    return .replaceSession
  }

  package mutating func clientClosed() -> Action { end(.abandon) }

  package mutating func due(_ due: ExchangeClock.Due, queueState: @autoclosure () -> String) -> Action {
    switch due {
    case .keepAlive: return stage == .ended ? .nothing : .sendKeepAlive
    case .queue: return stage == .admission ? end(.fail(.poolBusy(queueState()))) : .nothing
    // Behind the record the answer is whole, whatever else runs out.
    case .timeout(let waiting): return end(stage == .recorded ? .finish(keepsSession: true) : .fail(.timeout(waiting)))
    case .grace: return stage == .recorded ? end(.finish(keepsSession: true)) : .nothing
    }
  }

  private mutating func end(_ action: Action) -> Action {
    guard stage != .ended else { return .nothing }
    stage = .ended
    return action
  }
}

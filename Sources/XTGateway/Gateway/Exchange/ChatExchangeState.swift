import HTTPClient

/// The course of one chat exchange: what comes next, where it goes on after a failure, and how it ends. Pure: the driver carries out
/// what it says and nothing else.
public struct ChatExchangeState: ~Copyable {
  public enum Stage: Equatable, CaseIterable, Sendable {
    /// Waiting for the list of models. → `admission`, `ended`
    case models
    /// Waiting for an account. → `creating`, `updating`, `asking`, `ended`
    case admission
    /// A session is being made. → `updating`, `asking`, `admission`, `ended`
    case creating
    /// The session is being set. → `asking`, `creating`, `admission`, `ended`
    case updating
    /// The message is sent, nothing of an answer has come. → `answering`, `recorded`, `creating`, `admission`, `ended`
    case asking
    /// Text has come. → `recorded`, `ended`
    case answering
    /// The record of the finished message has come; `[DONE]` or the end is awaited. → `ended`
    case recorded
    case ended
  }

  /// What the driver has at hand when it gets an account.
  public enum SessionNeed: Equatable {
    case none, update, create
  }

  public enum Action: Equatable {
    case askForAccount
    case createSession
    /// Forget the session at hand and make a new one.
    case replaceSession
    /// Give this account up for the error's reason, and ask for another.
    case tryElsewhere(GatewayError)
    /// The same with the next model, on the same account.
    case tryNextModel(GatewayError)
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

    /// Asked for every piece: cheaper than a comparison, which looks at the errors too.
    @inline(__always) var isNothing: Bool { if case .nothing = self { true } else { false } }
  }

  public struct Policy: Equatable, Sendable {
    /// Accounts tried for one request.
    public var maxAttempts = 3
    /// Whether to send again when the upstream may have worked on the message already.
    public var retriesAmbiguous = false
    public init() {}
  }

  public private(set) var stage = Stage.models
  /// An event stream is coming in answer to the message.
  public private(set) var isStreaming = false
  /// Accounts tried so far.
  public private(set) var attempts = 0
  private let policy: Policy
  private var hasReplacedSession = false
  /// Of the model that was asked for, those not tried yet.
  private var modelsLeft = 0
  /// Why the last attempt failed: what the client hears if there is nowhere else to go.
  private var lastFailure: GatewayError?

  public init(policy: Policy = Policy()) { self.policy = policy }

  // MARK: Before the answer

  /// - Parameter alternatives: how many more models may be tried.
  public mutating func modelFound(alternatives: Int = 0) -> Action {
    guard stage == .models else { return .nothing }
    modelsLeft = alternatives
    stage = .admission
    return .askForAccount
  }

  public mutating func leased(needs need: SessionNeed) -> Action {
    guard stage == .admission else { return .nothing }
    attempts += 1
    return prepare(need)
  }

  /// No account is to be had.
  public mutating func refused(_ error: GatewayError) -> Action {
    // "Rate-limited" says that every account is; others are only busy.
    if case .poolBusy = error, case .rateLimited = lastFailure { return end(.fail(error)) }
    return end(.fail(lastFailure ?? error))
  }

  /// - Parameter need: `update` or `none`.
  public mutating func sessionCreated(needs need: SessionNeed) -> Action {
    guard stage == .creating else { return .nothing }
    return prepare(need)
  }

  public mutating func sessionUpdated() -> Action {
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
      isStreaming = false
      return .send
    }
  }

  // MARK: The answer

  /// The head of an event stream came.
  public mutating func streamBegan() { isStreaming = true }

  /// Whether a piece of text is of use now. Called for every piece.
  public mutating func pieceArrived() -> Bool {
    switch stage {
    case .answering: return true
    case .asking:
      stage = .answering
      return true
    case .recorded, .ended, .models, .admission, .creating, .updating: return false
    }
  }

  /// Whether the record is of use.
  public mutating func recordArrived() -> Bool {
    guard stage == .asking || stage == .answering else { return false }
    stage = .recorded
    return true
  }

  /// `[DONE]`: the upstream has said all it wanted to.
  public mutating func doneArrived() -> Action {
    stage == .answering ? end(.finish(keepsSession: true)) : closed(error: nil)
  }

  /// A stop sequence was met: the answer ends here, although the upstream would go on.
  public mutating func stopReached() -> Action {
    guard stage == .answering || stage == .recorded else { return .nothing }
    return end(.finish(keepsSession: false))
  }

  /// The transfer is over.
  /// - Parameter withConnection: that the connection ended is all there is to say so.
  public mutating func transferEnded(_ error: HTTPClientError?, withConnection: Bool = false) -> Action {
    guard stage == .answering, withConnection, error == nil else { return closed(error: error) }
    return end(.fail(.connectionLost("it ended behind some text, and nothing says that this was all")))
  }

  private mutating func closed(error: HTTPClientError?) -> Action {
    switch stage {
    case .recorded: return end(.finish(keepsSession: true))
    // Without the upstream's word that this was all, it may remember more than it has told.
    case .answering: return end(error.map { .fail(FailureClassifier.transport($0)) } ?? .finish(keepsSession: false))
    case .asking: return failed(error.map(FailureClassifier.transport) ?? .emptyAnswer)
    case .models, .admission, .creating, .updating, .ended: return .nothing
    }
  }

  // MARK: Failures

  /// A failure, found before or within the answer.
  public mutating func failed(_ error: GatewayError) -> Action {
    switch stage {
    case .models, .admission, .answering, .recorded: return end(.fail(error))
    case .creating, .updating, .asking: return recover(from: error)
    case .ended: return .nothing
    }
  }

  /// Nothing of an answer has come: somebody else may be able to.
  private mutating func recover(from error: GatewayError) -> Action {
    if case .sessionLost = error, stage != .creating, !hasReplacedSession {
      // The upstream has refused the message, so sending it again is no second sending.
      hasReplacedSession = true
      stage = .creating
      return .replaceSession
    }
    switch error.retry(sent: stage == .asking) {
    case .never: return end(.fail(error))
    case .ambiguous where !policy.retriesAmbiguous: return end(.fail(error))
    case .elsewhere, .ambiguous:
      guard attempts < policy.maxAttempts else { return end(.fail(error)) }
      lastFailure = error
      stage = .admission
      return .tryElsewhere(error)
    case .nextModel:
      guard modelsLeft > 0 else { return end(.fail(error)) }
      modelsLeft -= 1
      stage = .admission
      return .tryNextModel(error)
    }
  }

  public mutating func clientClosed() -> Action { end(.abandon) }

  /// The gateway ends: whatever the stage, this is the end.
  public mutating func cutOff() -> Action { end(.fail(.shuttingDown)) }

  public mutating func due(_ due: ExchangeClock.Due, poolState: @autoclosure () -> GatewayError) -> Action {
    switch due {
    case .keepAlive: return stage == .ended ? .nothing : .sendKeepAlive
    case .queue: return stage == .admission ? refused(poolState()) : .nothing
    // Behind the record the answer is whole, whatever else runs out.
    case .timeout(let waiting): return stage == .recorded ? end(.finish(keepsSession: true)) : failed(.timeout(waiting))
    case .grace: return stage == .recorded ? end(.finish(keepsSession: true)) : .nothing
    }
  }

  private mutating func end(_ action: Action) -> Action {
    guard stage != .ended else { return .nothing }
    stage = .ended
    return action
  }
}

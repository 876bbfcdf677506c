import Wire
import XSTech

/// A session that the upstream keeps for one conversation, or for one to come. No text is kept, only digests.
public struct LiveSession: Sendable {
  public let account: AccountPool.AccountIndex
  public let session: Session
  /// What the upstream has been told last. Nil: nothing yet, and so it does not carry the gateway's name either.
  private var told: Told?
  /// When the upstream heard of it last (ms, monotonic): other gateways take a session for left behind that nobody has touched for the
  /// idle time-out.
  public var touchedAt: UInt64 = 0
  /// Completions that the session remembers.
  public private(set) var rounds = 0

  /// An object, since a session is passed on a few times with every request, but told something only at its beginning.
  private final class Told: Sendable {
    /// Without the prompt.
    let settings: SessionSettings
    /// Nil: there is none.
    let prompt: SipHash128.Digest?

    init(_ settings: SessionSettings) {
      prompt = LiveSession.digest(settings.prompt)
      var rest = settings
      rest.prompt = ""
      self.settings = rest
    }
  }

  /// Only ever compared with itself: whoever finds a collision misleads nobody else's conversation.
  private static let promptKey = SipHash128.Key(k0: 0, k1: 0)

  /// A session just made.
  public init(account: AccountPool.AccountIndex, session: Session) { (self.account, self.session) = (account, session) }

  /// The model it is set to.
  public var model: String { told?.settings.model ?? session.defaults.model }

  /// What the session has to be set to for `query`; a parameter that the query leaves out means the session's default.
  public func settings(for query: ChatQuery, model: String) -> SessionSettings {
    var settings = preparedSettings(model: model)
    settings.prompt = query.system
    if let temperature = query.parameters.temperature { settings.temperature = temperature }
    if let penalty = query.parameters.presencePenalty { settings.presencePenalty = penalty }
    if let penalty = query.parameters.frequencyPenalty { settings.frequencyPenalty = penalty }
    if let maxTokens = query.parameters.maxTokens { settings.maxToken = maxTokens }
    return settings
  }

  /// What a session is set to before anybody needs it: defaults, and as many rounds shown to the model as can be.
  public func preparedSettings(model: String) -> SessionSettings {
    var settings = session.defaults
    settings.model = model
    settings.prompt = ""
    settings.contextCount = SessionSettings.largestContextCount
    return settings
  }

  public func needsUpdate(to settings: SessionSettings) -> Bool {
    guard let told else { return true }
    return !settings.isEqualButForPrompt(told.settings) || Self.digest(settings.prompt) != told.prompt
  }

  public mutating func wasUpdated(to settings: SessionSettings) {
    told = Told(settings)
  }

  public mutating func finishedRound() { rounds += 1 }

  /// Its conversation was cleared upstream.
  public mutating func wasCleared() { rounds = 0 }

  /// False when the upstream would forget the conversation's beginning: it has to be replayed in a new session.
  public var remembersEverything: Bool { rounds <= SessionSettings.largestContextCount }

  private static func digest(_ prompt: String) -> SipHash128.Digest? {
    guard !prompt.isEmpty else { return nil }
    var hash = SipHash128(key: promptKey)
    hash.update(prompt)
    return hash.finalize()
  }
}

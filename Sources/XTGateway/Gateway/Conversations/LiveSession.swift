import Wire
import XSTech

/// A session that the upstream keeps for one conversation. No text is kept, only digests.
package struct LiveSession: Sendable {
  package let account: AccountPool.AccountIndex
  package let session: Session
  /// What the upstream has been told last; the prompt as a digest.
  private var applied: SessionSettings
  private var appliedPrompt: SipHash128.Digest
  /// Completions that the session remembers.
  package private(set) var rounds = 0

  private static let promptKey = SipHash128.Key(k0: 0, k1: 0)

  /// A session just made.
  package init(account: AccountPool.AccountIndex, session: Session) {
    (self.account, self.session) = (account, session)
    applied = session.defaults
    appliedPrompt = Self.digest(session.defaults.prompt)
    applied.prompt = ""
  }

  /// What the session has to be set to for `query`; a parameter that the query leaves out means the session's default.
  package func settings(for query: ChatQuery, model: String) -> SessionSettings {
    let defaults = session.defaults
    return SessionSettings(
      model: model, prompt: query.system, temperature: query.parameters.temperature ?? defaults.temperature,
      presencePenalty: query.parameters.presencePenalty ?? defaults.presencePenalty,
      frequencyPenalty: query.parameters.frequencyPenalty ?? defaults.frequencyPenalty,
      maxToken: query.parameters.maxTokens ?? defaults.maxToken,
      contextCount: rounds > applied.contextCount ? SessionSettings.largestContextCount : applied.contextCount)
  }

  package func needsUpdate(to settings: SessionSettings) -> Bool {
    var other = settings
    other.prompt = ""
    return other != applied || Self.digest(settings.prompt) != appliedPrompt
  }

  package mutating func wasUpdated(to settings: SessionSettings) {
    applied = settings
    applied.prompt = ""
    appliedPrompt = Self.digest(settings.prompt)
  }

  package mutating func finishedRound() { rounds += 1 }

  /// False when the upstream would forget the conversation's beginning: it has to be replayed in a new session.
  package var remembersEverything: Bool { rounds <= SessionSettings.largestContextCount }

  private static func digest(_ prompt: String) -> SipHash128.Digest {
    var hash = SipHash128(key: promptKey)
    hash.update(prompt)
    return hash.finalize()
  }
}

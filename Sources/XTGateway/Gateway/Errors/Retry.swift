/// Whether a failed exchange may go on elsewhere, before anything of an answer has gone out.
public enum Retry: Equatable, Sendable {
  /// Another attempt would end the same way, or the client's own request is at fault.
  case never
  /// The upstream has not worked on the message: another account may.
  case elsewhere
  /// The upstream may have worked on the message already, and charged for it: only if the operator allows it.
  case ambiguous
  /// Another model may.
  case nextModel
}

extension GatewayError {
  /// - Parameter sent: whether the message itself was sent (and not only what prepares it).
  public func retry(sent: Bool) -> Retry {
    switch self {
    case .invalidRequest, .invalidAPIKey, .unknownURL, .methodNotAllowed, .unsupportedMediaType, .modelNotFound, .http, .keyLimited,
      .contentRejected, .contextLengthExceeded, .imageRejected, .noCookies, .poolBusy, .poolUnavailable, .upstreamUnavailable,
      .credentialsExhausted, .modelsNotLoaded, .shuttingDown, .timeout(.end):
      .never
    case .modelUnavailable: .nextModel
    case .rateLimited, .tokenRejected, .outOfCredits, .unreachable, .upstreamFailed, .sessionLost, .webPage: .elsewhere
    case .timeout, .connectionLost, .badResponse, .emptyAnswer: sent ? .ambiguous : .elsewhere
    }
  }

  /// Whether another token would help.
  public var isOfToken: Bool { if case .tokenRejected = self { true } else { false } }

  /// What it says of the account that was leased. `untilCredits`: ms until credits come back.
  public func outcome(untilCredits: UInt64) -> LeaseOutcome {
    switch self {
    case .rateLimited(let seconds, let words):
      // Whatever it says, the account is asked again within a day.
      .rateLimited(retryAfterMilliseconds: seconds.map { UInt64(min(max(1, $0), 86_400)) * 1000 }, words)
    case .outOfCredits(let words): .outOfCredits(milliseconds: untilCredits, words)
    case .tokenRejected(let words): .tokenInvalid(words)
    case .unreachable, .connectionLost, .badResponse, .webPage, .emptyAnswer, .upstreamFailed, .timeout: .upstreamFault(message)
    case .contentRejected, .contextLengthExceeded, .imageRejected, .modelUnavailable, .sessionLost: .answered
    case .invalidRequest, .invalidAPIKey, .unknownURL, .methodNotAllowed, .unsupportedMediaType, .modelNotFound, .http, .keyLimited,
      .noCookies, .poolBusy, .poolUnavailable, .upstreamUnavailable, .credentialsExhausted, .modelsNotLoaded, .shuttingDown:
      .neutral
    }
  }
}

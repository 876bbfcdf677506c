import HTTPServer
import OpenAI
import Testing

@testable import Gateway

@Suite("Where a failed exchange goes on") struct RetryTests {
  private struct Row {
    let error: GatewayError
    /// Before the message was sent, and after.
    let preparing: Retry
    let sent: Retry
    let outcome: LeaseOutcome

    init(_ error: GatewayError, _ preparing: Retry, _ sent: Retry, _ outcome: LeaseOutcome) {
      (self.error, self.preparing, self.sent, self.outcome) = (error, preparing, sent, outcome)
    }

    init(_ error: GatewayError, always: Retry, _ outcome: LeaseOutcome) { self.init(error, always, always, outcome) }
  }

  private static func fault(_ error: GatewayError) -> LeaseOutcome { .upstreamFault(error.message) }

  private static let rows: [Row] = [
    .init(.invalidRequest(RequestError(.invalidValue, "m")), always: .never, .neutral),
    .init(.invalidAPIKey, always: .never, .neutral), .init(.unknownURL(path: "/"), always: .never, .neutral),
    .init(.methodNotAllowed(allowed: "GET"), always: .never, .neutral),
    .init(.unsupportedMediaType("a/b"), always: .never, .neutral),
    .init(.modelNotFound(name: "m", hint: ""), always: .never, .neutral),
    .init(.http(.requestTimeout), always: .never, .neutral), .init(.keyLimited(.tooMany(atATime: 1)), always: .never, .neutral),
    .init(.contentRejected("w"), always: .never, .answered), .init(.contextLengthExceeded("w"), always: .never, .answered),
    .init(.imageRejected("w"), always: .never, .answered), .init(.modelUnavailable("w"), always: .nextModel, .answered),
    .init(
      .rateLimited(retryAfterSeconds: 7, "w"), always: .elsewhere, .rateLimited(retryAfterMilliseconds: 7000, "w")),
    .init(.rateLimited(retryAfterSeconds: nil, "w"), always: .elsewhere, .rateLimited(retryAfterMilliseconds: nil, "w")),
    .init(.tokenRejected("w"), always: .elsewhere, .tokenInvalid("w")),
    .init(.outOfCredits("w"), always: .elsewhere, .outOfCredits(milliseconds: 99, "w")),
    .init(.credentialsExhausted("w"), always: .never, .neutral),
    .init(.unreachable("w"), always: .elsewhere, fault(.unreachable("w"))),
    .init(.connectionLost("w"), .elsewhere, .ambiguous, fault(.connectionLost("w"))),
    .init(.badResponse("w"), .elsewhere, .ambiguous, fault(.badResponse("w"))),
    .init(.webPage("w"), always: .elsewhere, fault(.webPage("w"))),
    .init(.emptyAnswer, .elsewhere, .ambiguous, fault(.emptyAnswer)),
    .init(.upstreamFailed("w"), always: .elsewhere, fault(.upstreamFailed("w"))),
    .init(.sessionLost("w"), always: .elsewhere, .answered),
    .init(.timeout(.firstByte), .elsewhere, .ambiguous, fault(.timeout(.firstByte))),
    .init(.timeout(.nextByte), .elsewhere, .ambiguous, fault(.timeout(.nextByte))),
    .init(.timeout(.end), always: .never, fault(.timeout(.end))), .init(.noCookies, always: .never, .neutral),
    .init(.poolBusy("w"), always: .never, .neutral), .init(.poolUnavailable("w", retryAfterSeconds: 1), always: .never, .neutral),
    .init(.upstreamUnavailable(retryAfterSeconds: 1), always: .never, .neutral),
    .init(.modelsNotLoaded("w"), always: .never, .neutral),
    .init(.shuttingDown, always: .never, .neutral),
  ]

  @Test func everyError() {
    for row in Self.rows {
      #expect(row.error.retry(sent: false) == row.preparing, "\(row.error)")
      #expect(row.error.retry(sent: true) == row.sent, "\(row.error)")
      #expect(row.error.outcome(untilCredits: 99) == row.outcome, "\(row.error)")
    }
  }

  /// Only what is an account's fault may punish one, and only the upstream's own faults open the breaker.
  @Test func blameAndOutcomeAgree() {
    for row in Self.rows {
      switch row.outcome {
      case .rateLimited, .outOfCredits, .tokenInvalid: #expect(row.error.blame == .account, "\(row.error)")
      case .upstreamFault: #expect(row.error.blame == .upstream, "\(row.error)")
      case .success, .answered, .neutral: break
      }
      if row.error.blame == .request || row.error.blame == .client { #expect(row.sent == .never, "\(row.error)") }
    }
  }

  /// Whatever number the upstream writes there.
  @Test(arguments: [Int.min, -1, 0, 1, 86_400, 86_401, Int.max]) func retryAfterOfAnySize(_ seconds: Int) {
    let error = GatewayError.rateLimited(retryAfterSeconds: seconds, "w")
    let expected = UInt64(min(max(seconds, 1), 86_400)) * 1000
    #expect(error.outcome(untilCredits: 0) == .rateLimited(retryAfterMilliseconds: expected, "w"))
    #expect(error.retryAfterSeconds.map { $0 >= 1 } == true)
  }
}

import HTTPServer
import OpenAI

/// Whose fault a failure is.
public enum Blame: String, Sendable, CaseIterable { case client, request, model, account, upstream, gateway }

/// Everything that can go wrong with a request, once. What it means for the client (status, type, code), for the log and
/// for the pool is in the switches below.
public enum GatewayError: Error, Equatable, Sendable {
  // The client's request
  case invalidRequest(RequestError)
  case invalidAPIKey
  case unknownURL(path: String)
  case methodNotAllowed(allowed: String)
  case unsupportedMediaType(String)
  case modelNotFound(name: String, hint: String)
  case http(HTTPProblem)
  // What the upstream says of the request
  case contentRejected(String)
  case contextLengthExceeded(String)
  case imageRejected(String)
  // The upstream and its accounts
  case modelUnavailable(String)
  case rateLimited(retryAfterSeconds: Int?, String)
  case tokenRejected(String)
  case outOfCredits(String)
  /// No account has a token that is accepted and credits left.
  case credentialsExhausted(String)
  case unreachable(String)
  /// The connection died after the request was sent and before anything of an answer came.
  case connectionLost(String)
  case badResponse(String)
  /// A web page or a redirect: something in front of the upstream answered, which thus never saw the request.
  case webPage(String)
  case emptyAnswer
  case upstreamFailed(String)
  /// The upstream does not know the session any more.
  case sessionLost(String)
  case timeout(Waiting)
  // This gateway
  case noCookies
  case poolBusy(String)
  case poolUnavailable(String, retryAfterSeconds: Int?)
  /// The breaker is open.
  case upstreamUnavailable(retryAfterSeconds: Int)
  /// The client's API key has used up what it may.
  case keyLimited(KeyLimiter.Refusal)
  case modelsNotLoaded(String)
  case shuttingDown

  /// What a time-out waited for.
  public enum Waiting: String, Sendable {
    case firstByte = "the first byte of the answer"
    case nextByte = "more of the answer"
    case end = "the end of the answer"
  }
}

extension GatewayError {
  public var status: Int {
    switch self {
    case .invalidRequest, .contentRejected, .contextLengthExceeded, .imageRejected: 400
    case .invalidAPIKey: 401
    case .unknownURL, .modelNotFound: 404
    case .methodNotAllowed: 405
    case .unsupportedMediaType: 415
    case .http(let problem): problem.status
    case .rateLimited, .keyLimited: 429
    case .tokenRejected, .outOfCredits, .credentialsExhausted, .unreachable, .connectionLost, .badResponse, .webPage, .emptyAnswer,
      .upstreamFailed, .sessionLost, .upstreamUnavailable:
      502
    case .modelUnavailable, .noCookies, .poolBusy, .poolUnavailable, .modelsNotLoaded, .shuttingDown: 503
    case .timeout: 504
    }
  }

  public var type: String {
    switch self {
    case .invalidRequest, .invalidAPIKey, .unknownURL, .methodNotAllowed, .unsupportedMediaType, .modelNotFound, .contentRejected,
      .contextLengthExceeded, .imageRejected:
      "invalid_request_error"
    case .http(.tooManyConnections), .http(.tooManyConnectionsFromAddress): "service_unavailable"
    case .http: "invalid_request_error"
    case .rateLimited, .keyLimited: "rate_limit_error"
    case .tokenRejected, .outOfCredits, .credentialsExhausted, .unreachable, .connectionLost, .badResponse, .webPage, .emptyAnswer,
      .upstreamFailed, .sessionLost, .timeout, .upstreamUnavailable:
      "upstream_error"
    case .modelUnavailable, .noCookies, .poolBusy, .poolUnavailable, .modelsNotLoaded, .shuttingDown: "service_unavailable"
    }
  }

  public var code: String {
    switch self {
    case .invalidRequest(let error): error.code.rawValue
    case .invalidAPIKey: "invalid_api_key"
    case .unknownURL: "unknown_url"
    case .methodNotAllowed: "method_not_allowed"
    case .unsupportedMediaType: "unsupported_media_type"
    case .modelNotFound: "model_not_found"
    case .http(let problem): problem.errorCode
    case .contentRejected: "content_rejected"
    case .contextLengthExceeded: "context_length_exceeded"
    case .imageRejected: "invalid_image"
    case .modelUnavailable: "model_unavailable"
    case .rateLimited: "upstream_rate_limited"
    case .tokenRejected, .outOfCredits, .credentialsExhausted: "upstream_credentials_exhausted"
    case .unreachable: "upstream_unreachable"
    case .badResponse, .webPage: "upstream_bad_response"
    case .emptyAnswer: "upstream_empty"
    case .upstreamFailed, .connectionLost, .sessionLost: "upstream_failed"
    case .upstreamUnavailable: "upstream_unavailable"
    case .keyLimited: "rate_limit_exceeded"
    case .timeout: "upstream_timeout"
    case .noCookies: "no_cookies"
    case .poolBusy: "pool_busy"
    case .poolUnavailable: "pool_unavailable"
    case .modelsNotLoaded: "models_not_loaded"
    case .shuttingDown: "shutting_down"
    }
  }

  public var param: String? {
    switch self {
    case .invalidRequest(let error): error.param
    case .modelNotFound, .modelUnavailable: "model"
    case .contentRejected, .contextLengthExceeded, .imageRejected: "messages"
    case .invalidAPIKey, .unknownURL, .methodNotAllowed, .unsupportedMediaType, .http, .rateLimited, .keyLimited, .tokenRejected,
      .outOfCredits, .credentialsExhausted, .unreachable, .connectionLost, .badResponse, .webPage, .emptyAnswer, .upstreamFailed,
      .sessionLost,
      .timeout, .noCookies, .poolBusy, .poolUnavailable, .upstreamUnavailable, .modelsNotLoaded, .shuttingDown:
      nil
    }
  }

  public var message: String {
    switch self {
    case .invalidRequest(let error): error.message
    case .invalidAPIKey:
      "Incorrect API key provided. Send one of this gateway's api_keys as 'Authorization: Bearer …' or 'x-api-key'."
    case .unknownURL(let path): "Unknown request URL: \(path). This gateway serves /v1/chat/completions, /v1/models and /health."
    case .methodNotAllowed(let allowed): "Method not allowed; allowed: \(allowed)."
    case .unsupportedMediaType(let type): "Unsupported content type '\(type)': send application/json."
    case .modelNotFound(let name, let hint):
      "The model '\(excerpt(name))' does not exist\(hint). GET /v1/models lists those that do."
    case .http(let problem): problem.message
    case .contentRejected(let words): "The upstream rejected the content: \(words)"
    case .contextLengthExceeded(let words): "The conversation is too long for the model: \(words)"
    case .imageRejected(let words): "The upstream rejected an image: \(words)"
    case .modelUnavailable(let words): "The model is not available at the moment: \(words)"
    case .rateLimited(_, let words): "The upstream limits the rate of requests: \(words)"
    case .tokenRejected(let words):
      "The upstream does not accept the gateway's account; its operator has to renew the token. It says: \(words)"
    case .outOfCredits(let words): "The gateway's account has no credits left at the upstream. It says: \(words)"
    case .credentialsExhausted(let state):
      "No XSTech account has a valid token and credits left; the operator has to renew them: \(state)."
    case .unreachable(let reason): "The upstream cannot be reached: \(reason)"
    case .connectionLost(let reason): "The connection to the upstream was lost: \(reason)"
    case .badResponse(let reason), .webPage(let reason): "The upstream's answer cannot be understood: \(reason)"
    case .emptyAnswer: "The upstream ended its answer without a word."
    case .upstreamFailed(let words): "The upstream failed: \(words)"
    case .sessionLost(let words): "The upstream lost the conversation's session: \(words)"
    case .timeout(let waiting): "The upstream took too long: gave up waiting for \(waiting.rawValue)."
    case .noCookies: "No XSTech account is configured: add one under \"cookies\" in the configuration (or XTGATEWAY_COOKIES)."
    case .poolBusy(let state): "All XSTech accounts are busy: \(state)."
    case .poolUnavailable(let state, _): "No XSTech account can serve now: \(state)."
    case .upstreamUnavailable: "The upstream is failing for several accounts; requests are held back until it recovers."
    case .keyLimited(let refusal): refusal.message
    case .modelsNotLoaded(let reason): "The list of models is not loaded yet: \(reason)"
    case .shuttingDown: "The gateway is shutting down."
    }
  }

  /// Seconds for `Retry-After`; nil where trying again changes nothing.
  public var retryAfterSeconds: Int? {
    switch self {
    case .rateLimited(let seconds, _): max(1, seconds ?? 5)
    case .keyLimited(let refusal): refusal.retryAfterSeconds
    case .poolUnavailable(_, let seconds): max(1, seconds ?? 5)
    case .upstreamUnavailable(let seconds): max(1, seconds)
    case .noCookies: 60
    case .modelUnavailable, .modelsNotLoaded, .shuttingDown: 5
    case .poolBusy, .http(.tooManyConnections), .http(.tooManyConnectionsFromAddress): 1
    case .invalidRequest, .invalidAPIKey, .unknownURL, .methodNotAllowed, .unsupportedMediaType, .modelNotFound, .http,
      .contentRejected, .contextLengthExceeded, .imageRejected, .tokenRejected, .outOfCredits, .credentialsExhausted, .unreachable,
      .connectionLost, .badResponse, .webPage, .emptyAnswer, .upstreamFailed, .sessionLost, .timeout:
      nil
    }
  }

  public var blame: Blame {
    switch self {
    case .invalidRequest, .invalidAPIKey, .unknownURL, .methodNotAllowed, .unsupportedMediaType, .modelNotFound, .http, .keyLimited:
      .client
    case .contentRejected, .contextLengthExceeded, .imageRejected: .request
    case .modelUnavailable: .model
    case .rateLimited, .tokenRejected, .outOfCredits, .credentialsExhausted: .account
    case .unreachable, .connectionLost, .badResponse, .webPage, .emptyAnswer, .upstreamFailed, .sessionLost, .timeout,
      .upstreamUnavailable:
      .upstream
    case .noCookies, .poolBusy, .poolUnavailable, .modelsNotLoaded, .shuttingDown: .gateway
    }
  }

  public var body: ErrorBody { ErrorBody(message: message, type: type, param: param, code: code) }
}

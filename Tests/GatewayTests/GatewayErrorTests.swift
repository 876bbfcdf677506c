import HTTPServer
import OpenAI
import Testing
import Wire

@testable import Gateway

@Suite("Errors") struct GatewayErrorTests {
  private static func request(_ code: RequestError.Code) -> GatewayError { .invalidRequest(RequestError(code, "m", param: "p")) }

  /// Status, type and code as users rely on them.
  @Test(
    arguments: [
      (request(.invalidJSON), 400, "invalid_request_error", "invalid_json"),
      (request(.invalidValue), 400, "invalid_request_error", "invalid_value"),
      (request(.unsupportedParameter), 400, "invalid_request_error", "unsupported_parameter"),
      (request(.invalidImage), 400, "invalid_request_error", "invalid_image"),
      (request(.tooManyFiles), 400, "invalid_request_error", "too_many_files"),
      (.contentRejected("w"), 400, "invalid_request_error", "content_rejected"),
      (.contextLengthExceeded("w"), 400, "invalid_request_error", "context_length_exceeded"),
      (.imageRejected("w"), 400, "invalid_request_error", "invalid_image"),
      (.invalidAPIKey, 401, "invalid_request_error", "invalid_api_key"),
      (.unknownURL(path: "/x"), 404, "invalid_request_error", "unknown_url"),
      (.modelNotFound(name: "n", hint: ""), 404, "invalid_request_error", "model_not_found"),
      (.methodNotAllowed(allowed: "GET"), 405, "invalid_request_error", "method_not_allowed"),
      (.unsupportedMediaType("t"), 415, "invalid_request_error", "unsupported_media_type"),
      (.http(.malformed("r")), 400, "invalid_request_error", "bad_request"),
      (.http(.requestTimeout), 408, "invalid_request_error", "request_timeout"),
      (.http(.bodyTooLarge(limit: 1)), 413, "invalid_request_error", "payload_too_large"),
      (.http(.targetTooLong), 414, "invalid_request_error", "uri_too_long"),
      (.http(.expectationFailed), 417, "invalid_request_error", "expectation_failed"),
      (.http(.headerTooLarge), 431, "invalid_request_error", "request_header_fields_too_large"),
      (.http(.unsupportedTransferCoding), 501, "invalid_request_error", "not_implemented"),
      (.http(.unsupportedVersion), 505, "invalid_request_error", "http_version_not_supported"),
      (.http(.tooManyConnections), 503, "service_unavailable", "too_many_connections"),
      (.http(.tooManyConnectionsFromAddress), 503, "service_unavailable", "too_many_connections"),
      (.rateLimited(retryAfterSeconds: nil, "w"), 429, "rate_limit_error", "upstream_rate_limited"),
      (.unreachable("w"), 502, "upstream_error", "upstream_unreachable"),
      (.badResponse("w"), 502, "upstream_error", "upstream_bad_response"),
      (.webPage("w"), 502, "upstream_error", "upstream_bad_response"),
      (.emptyAnswer, 502, "upstream_error", "upstream_empty"), (.upstreamFailed("w"), 502, "upstream_error", "upstream_failed"),
      (.sessionLost("w"), 502, "upstream_error", "upstream_failed"),
      (.connectionLost("w"), 502, "upstream_error", "upstream_failed"),
      (.tokenRejected("w"), 502, "upstream_error", "upstream_credentials_exhausted"),
      (.outOfCredits("w"), 502, "upstream_error", "upstream_credentials_exhausted"),
      (.upstreamUnavailable(retryAfterSeconds: 3), 502, "upstream_error", "upstream_unavailable"),
      (.keyLimited(.tooMany(atATime: 2)), 429, "rate_limit_error", "rate_limit_exceeded"),
      (.keyLimited(.tooOften(perMinute: 2, retryAfterSeconds: 9)), 429, "rate_limit_error", "rate_limit_exceeded"),
      (.credentialsExhausted("w"), 502, "upstream_error", "upstream_credentials_exhausted"),
      (.noCookies, 503, "service_unavailable", "no_cookies"), (.poolBusy("w"), 503, "service_unavailable", "pool_busy"),
      (.poolUnavailable("w", retryAfterSeconds: nil), 503, "service_unavailable", "pool_unavailable"),
      (.modelUnavailable("w"), 503, "service_unavailable", "model_unavailable"),
      (.modelsNotLoaded("w"), 503, "service_unavailable", "models_not_loaded"),
      (.shuttingDown, 503, "service_unavailable", "shutting_down"),
      (.timeout(.firstByte), 504, "upstream_error", "upstream_timeout"),
      (.timeout(.nextByte), 504, "upstream_error", "upstream_timeout"),
      (.timeout(.end), 504, "upstream_error", "upstream_timeout"),
    ] as [(GatewayError, Int, String, String)]) func everyCase(_ error: GatewayError, _ status: Int, _ type: String, _ code: String)
    throws
  {
    #expect(error.status == status)
    #expect(error.type == type)
    #expect(error.code == code)
    #expect(!error.message.isEmpty)
    // 429, 503 and the breaker's 502 say when to come again; nothing else does.
    #expect((error.retryAfterSeconds != nil) == (status == 429 || status == 503 || code == "upstream_unavailable"))
    if let seconds = error.retryAfterSeconds { #expect(seconds >= 1) }
    let (head, body) = Response.error(error, AnswerHead(requestID: "id-1", rateLimit: nil))
    #expect(head.status == status)
    let object = try #require(try foundationObject(body.text)["error"] as? [String: Any])
    #expect(object["type"] as? String == type)
    #expect(object["code"] as? String == code)
    #expect(object["message"] as? String == error.message)
    #expect(object["param"] as? String == error.param)
    #expect(object.count == 4)
  }

  @Test func theUpstreamsWait() {
    #expect(GatewayError.rateLimited(retryAfterSeconds: 7, "").retryAfterSeconds == 7)
    #expect(GatewayError.rateLimited(retryAfterSeconds: 0, "").retryAfterSeconds == 1)
    #expect(GatewayError.rateLimited(retryAfterSeconds: -5, "").retryAfterSeconds == 1)
    #expect(GatewayError.poolUnavailable("", retryAfterSeconds: 90).retryAfterSeconds == 90)
    #expect(GatewayError.upstreamUnavailable(retryAfterSeconds: 0).retryAfterSeconds == 1)
    #expect(GatewayError.keyLimited(.tooOften(perMinute: 1, retryAfterSeconds: 31)).retryAfterSeconds == 31)
  }

  @Test func parameters() {
    #expect(Self.request(.invalidValue).param == "p")
    #expect(GatewayError.modelNotFound(name: "n", hint: " (did you mean \"x\"?)").param == "model")
    #expect(
      GatewayError.modelNotFound(name: "n", hint: " (did you mean \"x\"?)").message.contains(
        "'n' does not exist (did you mean \"x\"?)"))
    #expect(GatewayError.emptyAnswer.param == nil)
  }
}

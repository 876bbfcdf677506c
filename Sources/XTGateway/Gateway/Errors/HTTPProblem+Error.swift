import HTTPServer

extension HTTPProblem {
  var errorCode: String {
    switch self {
    case .malformed: "bad_request"
    case .headerTooLarge: "request_header_fields_too_large"
    case .targetTooLong: "uri_too_long"
    case .bodyTooLarge: "payload_too_large"
    case .requestTimeout: "request_timeout"
    case .unsupportedTransferCoding: "not_implemented"
    case .unsupportedVersion: "http_version_not_supported"
    case .expectationFailed: "expectation_failed"
    case .tooManyConnections, .tooManyConnectionsFromAddress: "too_many_connections"
    }
  }

  var message: String {
    switch self {
    case .malformed(let reason): "Malformed HTTP request: \(reason)."
    case .headerTooLarge: "The request's header fields are too large or too many."
    case .targetTooLong: "The request's URL is too long."
    case .bodyTooLarge(let limit): "The request's body is larger than the limit of \(limit) bytes (limits.max_body_bytes)."
    case .requestTimeout: "The request did not arrive in time."
    case .unsupportedTransferCoding: "The only transfer coding understood is 'chunked'."
    case .unsupportedVersion: "The only HTTP versions understood are 1.0 and 1.1."
    case .expectationFailed: "The only expectation understood is '100-continue'."
    case .tooManyConnections: "Too many connections to this gateway (limits.max_connections)."
    case .tooManyConnectionsFromAddress: "Too many connections from this address (limits.max_connections_per_address)."
    }
  }
}

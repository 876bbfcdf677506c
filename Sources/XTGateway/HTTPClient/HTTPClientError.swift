import CCurl

public struct HTTPClientError: Error, Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    /// Nothing can have reached the upstream: resolve, connect or TLS failed.
    case notConnected
    /// Connecting took longer than the limit.
    case connectTimeout
    /// The request may have been sent, no answer came: connection died before any response byte.
    case noResponse
    /// The response broke off.
    case brokenResponse
    /// What came is not HTTP, or a header limit was hit.
    case invalidResponse
  }
  public let kind: Kind
  /// For the log; of failed connections libcurl's code and words ("CURLE_COULDNT_CONNECT (7): Failed to connect to …").
  public let message: String
  public init(kind: Kind, message: String) { (self.kind, self.message) = (kind, message) }
}

extension HTTPClientError {
  /// A reused connection died, and the first sending may have arrived.
  static let mayNotBeSentTwice = HTTPClientError(
    kind: .noResponse, message: "a reused connection died without an answer; the request may not be sent twice")

  /// How far a transfer had come when it failed.
  struct Progress {
    /// How often a request was about to be sent: libcurl tells before the first byte of each sending.
    var sendings = 0
    /// Whether any header line came.
    var hasResponse = false
    /// Set by a callback that ended the transfer for a reason of its own; libcurl's words say nothing then.
    var verdict: HTTPClientError?
  }

  /// `code` alone does not say whether the upstream may have seen the request: the moment does.
  static func kind(_ code: CURLcode, _ progress: Progress) -> Kind {
    if let verdict = progress.verdict { return verdict.kind }
    if progress.sendings == 0 { return code == CURLE_OPERATION_TIMEDOUT ? .connectTimeout : .notConnected }
    switch code {
    // The latter is how libcurl calls HTTP/0.9, that is, anything without a status line.
    case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_CONTENT_ENCODING: return .invalidResponse
    default: return progress.hasResponse ? .brokenResponse : .noResponse
    }
  }

  static func message(_ code: CURLcode, _ details: String) -> String {
    let words = details.isEmpty ? String(cString: curl_easy_strerror(code)) : details
    return "\(name(code)) (\(code.rawValue)): \(words)"
  }

  /// libcurl has no call for this. The codes that a transfer of this client can end with.
  private static func name(_ code: CURLcode) -> String {
    switch code {
    case CURLE_OK: "CURLE_OK"
    case CURLE_UNSUPPORTED_PROTOCOL: "CURLE_UNSUPPORTED_PROTOCOL"
    case CURLE_URL_MALFORMAT: "CURLE_URL_MALFORMAT"
    case CURLE_COULDNT_RESOLVE_HOST: "CURLE_COULDNT_RESOLVE_HOST"
    case CURLE_COULDNT_CONNECT: "CURLE_COULDNT_CONNECT"
    case CURLE_WEIRD_SERVER_REPLY: "CURLE_WEIRD_SERVER_REPLY"
    case CURLE_HTTP2: "CURLE_HTTP2"
    case CURLE_HTTP2_STREAM: "CURLE_HTTP2_STREAM"
    case CURLE_PARTIAL_FILE: "CURLE_PARTIAL_FILE"
    case CURLE_WRITE_ERROR: "CURLE_WRITE_ERROR"
    case CURLE_OUT_OF_MEMORY: "CURLE_OUT_OF_MEMORY"
    case CURLE_OPERATION_TIMEDOUT: "CURLE_OPERATION_TIMEDOUT"
    case CURLE_SSL_CONNECT_ERROR: "CURLE_SSL_CONNECT_ERROR"
    case CURLE_SSL_CACERT_BADFILE: "CURLE_SSL_CACERT_BADFILE"
    case CURLE_PEER_FAILED_VERIFICATION: "CURLE_PEER_FAILED_VERIFICATION"
    case CURLE_ABORTED_BY_CALLBACK: "CURLE_ABORTED_BY_CALLBACK"
    case CURLE_GOT_NOTHING: "CURLE_GOT_NOTHING"
    case CURLE_SEND_ERROR: "CURLE_SEND_ERROR"
    case CURLE_SEND_FAIL_REWIND: "CURLE_SEND_FAIL_REWIND"
    case CURLE_RECV_ERROR: "CURLE_RECV_ERROR"
    default: "CURLE"
    }
  }
}

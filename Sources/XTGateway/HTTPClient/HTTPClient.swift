import CCurl
import EventLoop
import Wire

package struct HTTPClientConfiguration: Sendable {
  package var connectTimeoutMilliseconds = 10000
  /// Idle connections are dropped after this.
  package var maxIdleSeconds = 30
  package var caFile: String?
  package enum Version: Sendable { case http1, http2 }
  package var version = Version.http1
  /// Largest number of idle connections kept.
  package var maxIdleConnections = 1024
  package init() {}
}

/// Header lines for requests, made once and shared (libcurl's list): "authorization: …".
package final class HTTPClientHeaders {
  package init(_ lines: [String]) { fatalError("stub") }
}

package struct HTTPClientRequest {
  package enum Method: Sendable { case get, post, put, delete }
  package var method: Method
  package var url: String
  package var headers: HTTPClientHeaders
  /// The body in parts, sent in order without being put together; kept until the transfer ends. A buffer may stand in several parts.
  package var body: [HTTPClientBodyPart]
  /// Whether libcurl may silently send again on a fresh connection when a reused one died without an answer. Only for calls that may
  /// happen twice.
  package var mayBeSentTwice: Bool
  package init(method: Method, url: String, headers: HTTPClientHeaders, body: [HTTPClientBodyPart] = [], mayBeSentTwice: Bool) {
    (self.method, self.url, self.headers, self.body, self.mayBeSentTwice) = (method, url, headers, body, mayBeSentTwice)
  }
}

/// `range` of `buffer`'s readable bytes.
package struct HTTPClientBodyPart {
  package let buffer: ByteBuffer
  package let range: Range<Int>
  package init(_ buffer: ByteBuffer, _ range: Range<Int>? = nil) { (self.buffer, self.range) = (buffer, range ?? 0..<buffer.count) }
}

package struct HTTPClientResponseHead: Sendable {
  package let status: Int
  /// As received, nil if absent.
  package let contentType: String?
  /// In seconds, of a numeric Retry-After.
  package let retryAfterSeconds: Int?
  package let contentEncoding: String?
  package let location: String?
  package init(
    status: Int, contentType: String?, retryAfterSeconds: Int? = nil, contentEncoding: String? = nil, location: String? = nil
  ) {
    (self.status, self.contentType, self.retryAfterSeconds) = (status, contentType, retryAfterSeconds)
    (self.contentEncoding, self.location) = (contentEncoding, location)
  }
}

package struct HTTPClientError: Error, Sendable, Equatable {
  package enum Kind: Sendable, Equatable {
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
  package let kind: Kind
  /// libcurl's code and words ("CURLE_COULDNT_CONNECT (7): Failed to connect to …"), for the log.
  package let message: String
  package init(kind: Kind, message: String) { (self.kind, self.message) = (kind, message) }
}

/// What a transfer tells. All calls come on the loop's thread, from inside libcurl's callbacks or right after them:
/// a delegate may call `pause`, `resume`, `cancel` and `HTTPClient.start` from here.
package protocol HTTPTransferDelegate: AnyObject {
  /// The final response's head (1xx skipped), before its first byte of body; once.
  func transfer(_ transfer: HTTPTransfer, didReceiveHead head: HTTPClientResponseHead)
  /// Bytes of the body, transfer coding removed; valid during the call.
  func transfer(_ transfer: HTTPTransfer, didReceive bytes: UnsafeRawBufferPointer)
  /// The end: nil for a complete response. Nothing comes after it, and nothing at all after `cancel`.
  func transfer(_ transfer: HTTPTransfer, didEnd error: HTTPClientError?)
}

package final class HTTPTransfer {
  init() {}
  /// No more bytes after those being handed out now, until `resume`. What is in flight waits in libcurl and the kernel.
  package func pause() { fatalError("stub") }
  package func resume() { fatalError("stub") }
  package var isPaused: Bool { fatalError("stub") }
  /// Ends the transfer and its connection at once; no delegate call comes any more.
  package func cancel() { fatalError("stub") }
}

/// libcurl's multi handle on the loop. One transfer is one easy handle; handles and connections are reused.
package final class HTTPClient {
  package init(loop: EventLoop, configuration: HTTPClientConfiguration) { fatalError("stub") }
  @discardableResult package func start(_ request: HTTPClientRequest, delegate: any HTTPTransferDelegate) -> HTTPTransfer {
    fatalError("stub")
  }
  package var activeTransfers: Int { fatalError("stub") }
  /// Cancels everything and closes every connection.
  package func close() { fatalError("stub") }
}

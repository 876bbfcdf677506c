import Wire

package struct HTTPClientConfiguration: Sendable {
  package var connectTimeoutMilliseconds = 10000
  /// Idle connections are dropped after this.
  package var maxIdleSeconds = 30
  package var caFile: String?
  package enum Version: Sendable { case http1, http2 }
  package var version = Version.http1
  /// Whether HTTP/2 transfers share connections. Off, because libcurl (seen with 7.88) stalls every transfer of a connection while
  /// one of them is paused: one slow reader would hold up others.
  package var multiplexes = false
  /// Largest number of idle connections kept.
  package var maxIdleConnections = 1024
  /// libcurl's receive buffer of every running transfer, in bytes (at least 1024). One read hands out at most so much. Most of what
  /// an open stream costs: 16 KiB were measured no faster, 4 KiB a tenth slower in bulk.
  package var bufferSize = 8 * 1024
  /// A response whose header lines (1xx and trailers included) are longer than this together is invalid.
  package var maxHeaderBytes = 64 * 1024
  package init() {}
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

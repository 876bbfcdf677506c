import Wire

public struct HTTPClientConfiguration: Sendable {
  public var connectTimeoutMilliseconds = 10000
  /// Idle connections are dropped after this.
  public var maxIdleSeconds = 30
  public var caFile: String?
  public enum Version: Sendable { case http1, http2 }
  public var version = Version.http1
  /// Whether HTTP/2 transfers share connections. Off, because libcurl (seen with 7.88) stalls every transfer of a connection while
  /// one of them is paused: one slow reader would hold up others. And what he does not take piles up here, up to 32 MiB.
  public var multiplexes = false
  /// Largest number of idle connections kept.
  public var maxIdleConnections = 1024
  /// HTTP/1.1: one read takes at most so many bytes, and a paused transfer keeps at most so many. Not less than what a TLS record holds,
  /// so that nothing waits in the TLS library behind a read that did not fill its buffer.
  public var readSize = 16 * 1024
  /// HTTP/2: libcurl's receive buffer of every running transfer, in bytes (at least 1024).
  public var bufferSize = 8 * 1024
  /// A response whose header lines (1xx and trailers included) are longer than this together is invalid.
  public var maxHeaderBytes = 64 * 1024
  public init() {}
}

public struct HTTPClientRequest {
  public enum Method: Sendable { case get, post, put, delete }
  public var method: Method
  public var base: HTTPBaseURL
  /// Path and query, put behind the base URL as they are.
  public var path: String
  public var headers: HTTPClientHeaders
  /// The body in parts, sent in order without being put together; kept until the transfer ends. A buffer may stand in several parts.
  public var body: [HTTPClientBodyPart]
  /// Whether it may silently be sent again on a fresh connection when a reused one died without an answer. Only for calls that may
  /// happen twice.
  public var mayBeSentTwice: Bool
  public init(
    method: Method, base: HTTPBaseURL, path: String, headers: HTTPClientHeaders, body: [HTTPClientBodyPart] = [],
    mayBeSentTwice: Bool
  ) {
    (self.method, self.base, self.path, self.headers) = (method, base, path, headers)
    (self.body, self.mayBeSentTwice) = (body, mayBeSentTwice)
  }
}

public typealias HTTPClientBodyPart = BufferPart

public typealias HTTPClientResponseHead = HTTPReceivedHead

/// What a transfer tells. All calls come on the loop's thread, never from within `start`: a
/// delegate may call `pause`, `resume`, `cancel` and `HTTPClient.start` from here.
public protocol HTTPTransferDelegate: AnyObject {
  /// The final response's head (1xx skipped), before its first byte of body; once.
  func transfer(_ transfer: HTTPTransfer, didReceiveHead head: HTTPClientResponseHead)
  /// Bytes of the body, transfer coding removed; valid during the call.
  func transfer(_ transfer: HTTPTransfer, didReceive bytes: UnsafeRawBufferPointer)
  /// The end: nil for a complete response. Nothing comes after it, and nothing at all after `cancel`.
  func transfer(_ transfer: HTTPTransfer, didEnd error: HTTPClientError?)
}

import Wire

public struct HTTPServerConfiguration: Sendable {
  public var maxHeaderBytes = 65536
  public var maxHeaders = 128
  public var maxURLBytes = 8192
  public var maxConnections = 20000
  /// Of one client's address; 0: any number.
  public var maxConnectionsPerAddress = 0
  /// Addresses that the limit of one address does not concern: those of proxies, which speak for many clients.
  public var trustedProxies: [IPNetwork] = []
  public var headerTimeoutMilliseconds: UInt64 = 10000
  /// How long a body may stand still between two bytes.
  public var bodyTimeoutMilliseconds: UInt64 = 30000
  /// What a body must bring on the average of a window; 0: anything will do.
  public var bodyMinBytesPerSecond = 500
  public var bodyWindowMilliseconds: UInt64 = 10000
  public var keepAliveTimeoutMilliseconds: UInt64 = 75000
  public var writeTimeoutMilliseconds: UInt64 = 60000
  /// How long a connection that is being closed goes on reading, so that its client reads the last answer and not a reset.
  public var lingerTimeoutMilliseconds: UInt64 = 5000
  /// How long nothing may have come before a drain closes idle connections.
  public var drainQuietMilliseconds: UInt64 = 500
  /// Unsent response bytes above which `HTTPServerExchange.isBackedUp` is true …
  public var highWaterMark = 65536
  /// … and at or below which `exchangeDidDrain` is called.
  public var lowWaterMark = 16384
  public init() {}
}

/// Why the server refused a request, or a connection, by itself. `status` is the answer's.
public enum HTTPProblem: Error, Equatable, Sendable {
  /// RFC clause or limit in words.
  case malformed(String)
  case headerTooLarge, targetTooLong, bodyTooLarge(limit: Int), requestTimeout, unsupportedTransferCoding, unsupportedVersion
  case expectationFailed, tooManyConnections, tooManyConnectionsFromAddress

  public init(_ error: HTTPRequestError) {
    switch error {
    case .malformed(let rule): self = .malformed(rule)
    case .headerTooLarge: self = .headerTooLarge
    case .targetTooLong: self = .targetTooLong
    case .bodyTooLarge(let limit): self = .bodyTooLarge(limit: limit)
    case .unsupportedTransferCoding: self = .unsupportedTransferCoding
    case .unsupportedVersion: self = .unsupportedVersion
    }
  }

  public var status: Int {
    switch self {
    case .malformed: 400
    case .headerTooLarge: 431
    case .targetTooLong: 414
    case .bodyTooLarge: 413
    case .requestTimeout: 408
    case .unsupportedTransferCoding: 501
    case .unsupportedVersion: 505
    case .expectationFailed: 417
    case .tooManyConnections, .tooManyConnectionsFromAddress: 503
    }
  }
}

/// What answers requests. All calls come on the loop's thread.
public protocol HTTPService: AnyObject {
  /// A request's head is complete and valid. Answer through `exchange`, now or later; set `exchange.delegate` to hear of it.
  func requestStarted(_ exchange: HTTPServerExchange)
  /// The answer to a request that the server itself refuses (status from `problem.status`); `exchange` where its head was read.
  func refusal(_ problem: HTTPProblem, of exchange: HTTPServerExchange?, peerAddress: String) -> HTTPRefusal
}

public struct HTTPRefusal {
  public let head: HTTPResponseHead
  public let body: ByteBuffer
  /// Called at once with the bytes of the whole response.
  public let onWritten: (_ bytes: Int) -> Void

  public init(_ head: HTTPResponseHead, _ body: ByteBuffer, onWritten: @escaping (_ bytes: Int) -> Void = { _ in }) {
    (self.head, self.body, self.onWritten) = (head, body, onWritten)
  }
}

public protocol HTTPServerExchangeDelegate: AnyObject {
  /// The whole body, after `readBody`. A body over the limit or a malformed one never gets here: the server answers it
  /// with `refusal` and then calls `exchangeDidClose`.
  func exchange(_ exchange: HTTPServerExchange, didReadBody body: ByteBuffer)
  /// Unsent bytes are back at the low-water mark after `isBackedUp` had been true.
  func exchangeDidDrain(_ exchange: HTTPServerExchange)
  /// The exchange ended before its response was complete: the client is gone, was cut off, or was refused. Nothing may be
  /// written any more. Not called after `respond`/`endStream`/`abort`.
  func exchangeDidClose(_ exchange: HTTPServerExchange)
}

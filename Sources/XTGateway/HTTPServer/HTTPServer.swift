import EventLoop
import Wire

package struct HTTPServerConfiguration: Sendable {
  package var maxHeaderBytes = 65536
  package var maxHeaders = 128
  package var maxURLBytes = 8192
  package var maxConnections = 20000
  package var headerTimeoutMilliseconds: UInt64 = 10000
  package var keepAliveTimeoutMilliseconds: UInt64 = 75000
  package var writeTimeoutMilliseconds: UInt64 = 60000
  /// Unsent response bytes above which `HTTPServerExchange.isBackedUp` is true …
  package var highWaterMark = 65536
  /// … and at or below which `exchangeDidDrain` is called.
  package var lowWaterMark = 16384
  package init() {}
}

/// Why the server refused a request, or a connection, by itself. `status` is the answer's.
package enum HTTPProblem: Error, Equatable, Sendable {
  /// RFC clause or limit in words.
  case malformed(String)
  case headerTooLarge, targetTooLong, bodyTooLarge(limit: Int), requestTimeout, unsupportedTransferCoding, unsupportedVersion
  case expectationFailed, tooManyConnections
  package var status: Int { fatalError("stub") }
}

/// What answers requests. All calls come on the loop's thread.
package protocol HTTPService: AnyObject {
  /// A request's head is complete and valid. Answer through `exchange`, now or later; set `exchange.delegate` to hear of it.
  func requestStarted(_ exchange: HTTPServerExchange)
  /// The answer to a request that the server itself refuses (status from `problem.status`); `head` where it got that far.
  func refusal(_ problem: HTTPProblem, head: HTTPRequestHead?) -> (head: HTTPResponseHead, body: ByteBuffer)
}

package protocol HTTPServerExchangeDelegate: AnyObject {
  /// The whole body, after `readBody`. A body over the limit or a malformed one never gets here: the server answers it
  /// with `refusal` and then calls `exchangeDidClose`.
  func exchange(_ exchange: HTTPServerExchange, didReadBody body: ByteBuffer)
  /// Unsent bytes are back at the low-water mark after `isBackedUp` had been true.
  func exchangeDidDrain(_ exchange: HTTPServerExchange)
  /// The exchange ended before its response was complete: the client is gone, was cut off, or was refused. Nothing may be
  /// written any more. Not called after `respond`/`endStream`/`abort`.
  func exchangeDidClose(_ exchange: HTTPServerExchange)
}

/// One request and its response. Confined to the loop's thread.
package final class HTTPServerExchange {
  package let head: HTTPRequestHead
  /// Strong; cleared by the server when the exchange ends.
  package var delegate: (any HTTPServerExchangeDelegate)?
  init(head: HTTPRequestHead) { self.head = head }

  /// The peer's address without port, "127.0.0.1".
  package var peerAddress: String { fatalError("stub") }
  package var isOpen: Bool { fatalError("stub") }

  /// Reads the body (answering `Expect: 100-continue` first) and gives it to the delegate, which may happen during this call.
  package func readBody(limit: Int) { fatalError("stub") }

  /// Sends a complete response with Content-Length. `body` must not be used afterwards. A HEAD request's body is left out.
  /// Adds `date`, `content-length`, `connection`.
  package func respond(_ head: HTTPResponseHead, body: ByteBuffer) { fatalError("stub") }

  /// Sends a response's head and begins its stream: chunked over HTTP/1.1, ended by closing over HTTP/1.0.
  package func startStream(_ head: HTTPResponseHead) { fatalError("stub") }
  /// Where to append the next bytes of the stream. What is appended during one callback of the loop leaves together, as
  /// one HTTP chunk, in one write, at the end of that callback. Valid until the callback ends.
  package func streamBuffer() -> ByteBuffer { fatalError("stub") }
  /// Ends the stream properly; `close`: and the connection with it.
  package func endStream(close: Bool = false) { fatalError("stub") }
  /// Breaks the connection off (RST), so that the client sees a cut and no clean end.
  package func abort() { fatalError("stub") }

  /// Bytes of the response that the socket has not taken yet.
  package var unsentBytes: Int { fatalError("stub") }
  /// True from the high-water mark until `exchangeDidDrain`.
  package var isBackedUp: Bool { fatalError("stub") }
}

/// Listens and drives connections.
package final class HTTPServer {
  package init(loop: EventLoop, configuration: HTTPServerConfiguration, service: any HTTPService) { fatalError("stub") }
  /// Binds and listens; `port` 0 takes a free one. `reusePort` lets several loops share the port.
  package func listen(host: String, port: Int, reusePort: Bool = false) throws(UVError) { fatalError("stub") }
  /// The bound port, after `listen`.
  package var port: Int { fatalError("stub") }
  package var connectionCount: Int { fatalError("stub") }
  /// Closes the listener at once; open exchanges go on with `connection: close`; idle connections are closed. `done` when none is left.
  package func drain(_ done: @escaping () -> Void) { fatalError("stub") }
  /// Closes everything now. Exchanges get `exchangeDidClose`.
  package func close() { fatalError("stub") }
}

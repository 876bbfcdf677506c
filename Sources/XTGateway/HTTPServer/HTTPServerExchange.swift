import EventLoop
import Wire

/// One request and its response. Confined to the loop's thread.
public final class HTTPServerExchange {
  /// Nil as soon as the exchange has ended.
  @exclusivity(unchecked) private var connection: HTTPConnection?
  private var isStreaming = false
  /// Whether the server itself answered the request with a refusal (and told the service so); set before `exchangeDidClose`.
  public internal(set) var wasRefused = false
  /// Strong; cleared by the server when the exchange ends.
  public var delegate: (any HTTPServerExchangeDelegate)?
  /// Without its fields once a stream has begun.
  public private(set) var head: HTTPRequestHead
  /// The peer's address without port, "127.0.0.1".
  public let peerAddress: String
  /// Bytes of the response once the exchange has ended, its head and framing included: of a complete one all of them, of another those that
  /// the socket took.
  public private(set) var responseBytes = 0

  init(head: consuming HTTPRequestHead, connection: HTTPConnection) {
    self.head = head
    self.connection = connection
    peerAddress = connection.peerAddress
  }

  /// Whether a response can still be written or is being written.
  public var isOpen: Bool { connection != nil }

  /// Reads the body (answering `Expect: 100-continue` first) and gives it to the delegate, which may happen during this call.
  /// Without effect once a response has been started.
  public func readBody(limit: Int) { connection?.readBody(limit: limit) }

  /// Sends a complete response with Content-Length. `body` must not be used afterwards. A HEAD request's body is left out.
  /// Adds `date`, `content-length`, `connection`. Without effect once a response has been started.
  public func respond(_ head: HTTPResponseHead, body: ByteBuffer) {
    guard !isStreaming, let connection = detach() else { return }
    responseBytes = connection.respond(head, body: body)
  }

  /// Sends a response's head and begins its stream: chunked over HTTP/1.1, ended by closing over HTTP/1.0.
  /// Without effect once a response has been started.
  public func startStream(_ head: HTTPResponseHead) {
    guard !isStreaming, let connection else { return }
    isStreaming = true
    self.head.dropHeaders()
    connection.startStream(head)
  }

  /// Where to append the next bytes of the stream. What is appended during one callback of the loop leaves together, as
  /// one HTTP chunk, in one write, at the end of that callback. Valid until the callback ends. Where there is no stream (the
  /// exchange has ended, or it answers a HEAD) what is appended is dropped.
  public func streamBuffer() -> ByteBuffer {
    guard isStreaming, let connection else { return ByteBuffer() }
    return connection.streamBuffer()
  }

  /// Appends three runs of bytes to the stream, in one step.
  public func appendToStream(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, _ third: UnsafeRawBufferPointer) {
    guard isStreaming, let connection else { return }
    connection.appendToStream(first, second, third)
  }

  /// Names what the next bytes of the stream will touch.
  public func addTouched(to list: inout PrefetchList) {
    guard let connection else { return }
    list.add(self, bytes: 32)
    list.add(connection, bytes: 192)
    list.add(connection.tcp, bytes: 64)
  }

  /// Sends what was appended now, not at the end of the callback, for who wants a write of its own for it.
  public func flush() { connection?.flush(taken: false) }

  /// Ends the stream properly; `close`: and the connection with it.
  public func endStream(close: Bool = false) {
    guard isStreaming, let connection = detach() else { return }
    responseBytes = connection.endStream(close: close)
  }

  /// Breaks the connection off (RST), so that the client sees a cut and no clean end.
  public func abort() {
    guard let connection = detach() else { return }
    responseBytes = connection.responseBytesTaken
    connection.abort()
  }

  /// Bytes of the response that the socket has not taken yet.
  public var unsentBytes: Int { connection?.unsentBytes ?? 0 }

  /// True from the high-water mark until `exchangeDidDrain`.
  public var isBackedUp: Bool { connection?.output.isBackedUp ?? false }

  /// The connection has no more to do with it, and there was no complete response.
  func closedByConnection() {
    let told = delegate
    responseBytes = detach()?.responseBytesTaken ?? 0
    told?.exchangeDidClose(self)
  }

  private func detach() -> HTTPConnection? {
    defer {
      connection = nil
      delegate = nil
    }
    return connection
  }
}

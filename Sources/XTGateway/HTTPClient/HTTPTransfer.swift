import EventLoop
import Wire

/// One request and its response. Kept alive by its client until it ends, its delegate as well.
public final class HTTPTransfer {
  enum State {
    /// Not begun. Next: any other.
    case waiting
    /// libcurl makes a connection for it. Next: `exchanging`, `ended`.
    case connecting(ConnectAttempt)
    /// Request and response are on their way. Next: `connecting` where a reused connection had died or a known address did not answer,
    /// `ended`.
    case exchanging(HTTP1Connection)
    /// libcurl carries it out. Next: `ended`.
    case running(CurlTransfer)
    /// Final.
    case ended
  }

  @exclusivity(unchecked) private var delegate: (any HTTPTransferDelegate)?
  /// No more bytes are handed out until `resume`.
  @exclusivity(unchecked) public private(set) var isPaused = false
  @exclusivity(unchecked) private(set) var isCancelled = false
  @exclusivity(unchecked) var state = State.waiting
  /// What the delegate will touch when the next bytes come: its own to say.
  @exclusivity(unchecked) public var touchedNext = PrefetchList()
  /// Where the client keeps it.
  @exclusivity(unchecked) var index = 0
  let client: HTTPClient
  let request: HTTPClientRequest

  init(_ request: HTTPClientRequest, client: HTTPClient, delegate: any HTTPTransferDelegate) {
    (self.request, self.client, self.delegate) = (request, client, delegate)
  }

  deinit { if case .ended = state {} else { assertionFailure("a transfer was lost") } }

  /// No more bytes after those being handed out now, until `resume`. What is in flight waits in the kernel, and at most one read of
  /// it here. The end of a response whose bytes were all handed out may still come.
  public func pause() { isPaused = true }

  /// What was held back is handed out at the end of the running callback, or at once where libcurl carries out the transfer and is
  /// not at work.
  public func resume() {
    guard isPaused else { return }
    isPaused = false
    switch state {
    case .exchanging(let connection): connection.resume()
    case .running(let transfer): transfer.resume()
    case .waiting, .connecting, .ended: break
    }
  }

  /// Ends the transfer and its connection at once; no delegate call comes any more.
  public func cancel() {
    if case .ended = state { return }
    guard !isCancelled else { return }
    isCancelled = true
    delegate = nil
    let state = self.state
    client.forget(self)
    switch state {
    case .connecting(let attempt): attempt.cancel()
    case .exchanging(let connection): connection.abandon()
    case .running(let transfer): transfer.cancel()
    case .waiting, .ended: break
    }
  }

  /// Bytes wait for `resume`.
  var isHeld: Bool {
    switch state {
    case .exchanging(let connection): connection.holdsBytes
    case .running(let transfer): transfer.isHeld
    case .waiting, .connecting, .ended: false
    }
  }

  // MARK: What is told

  func tell(_ head: HTTPClientResponseHead) { delegate?.transfer(self, didReceiveHead: head) }

  @inline(__always) func tell(_ bytes: UnsafeRawBufferPointer) { delegate?.transfer(self, didReceive: bytes) }

  /// It is over, and nothing carries it out any more. Tells the delegate; the last call.
  func end(_ error: HTTPClientError?) {
    if case .ended = state { return }
    client.forget(self)
    guard let delegate else { return }
    self.delegate = nil
    delegate.transfer(self, didEnd: error)
  }
}

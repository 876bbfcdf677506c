import CUV

public protocol TCPListenerDelegate: AnyObject {
  func listener(_ listener: TCPListener, didAccept connection: TCPConnection)
  /// accept failed (EMFILE …).
  func listener(_ listener: TCPListener, didFail error: UVError)
}

/// A listening socket. One close is owed; until then it keeps itself and its delegate alive.
///
/// It accepts by itself rather than through `uv_listen`, whose accept loop spins for good once descriptors are short and libuv's
/// spare one is lost. Here listening pauses, and what waits in the backlog is served when descriptors are free again.
public final class TCPListener {
  /// How long listening pauses after a failed accept, in milliseconds.
  static let pause: UInt64 = 100
  /// How many connections are accepted in a turn at most, so that a flood of them leaves time for those that are open.
  static let batch = 64

  private let loop: EventLoop
  private let fileDescriptor: Int32
  public let port: Int
  private var delegate: (any TCPListenerDelegate)?
  private var poll: PollHandle?
  private var retry: LoopTimer?

  /// `host`: an IPv4 or IPv6 address, or `localhost`. Sets SO_REUSEADDR; `reusePort`: SO_REUSEPORT as well. Taken ports are reported here.
  public init(
    loop: EventLoop, host: String, port: Int, backlog: Int = 1024, reusePort: Bool = false, delegate: any TCPListenerDelegate
  ) throws(UVError) {
    let address = try SocketAddress(host: host, port: port)
    let descriptor = address.withPointer { cuv_listen($0, Int32(clamping: backlog), reusePort ? 1 : 0) }
    try UVError.check(descriptor)
    let boundPort = cuv_local_port(descriptor)
    (self.loop, self.delegate, fileDescriptor, self.port) = (loop, delegate, descriptor, Int(boundPort))
    do throws(UVError) {
      try UVError.check(boundPort)
      poll = try PollHandle(loop: loop, fileDescriptor: descriptor, delegate: self)
    } catch {
      _ = cuv_close_fd(descriptor)
      throw error
    }
    poll?.watch(.readable)
  }

  deinit { assert(poll == nil, "a TCPListener was not closed") }

  public func close() {
    guard let poll else { return }
    poll.close()
    retry?.close()
    (self.poll, retry, delegate) = (nil, nil, nil)
    // The descriptor is gone whatever close() says, and nothing was written to it.
    _ = cuv_close_fd(fileDescriptor)
  }

  private func accept(failed: Bool) {
    if failed { return rest(UVError(UV_EBADF)) }
    for _ in 0..<Self.batch {
      guard poll != nil else { return }
      var peer = SocketAddress()
      let descriptor = cuv_accept(fileDescriptor, &peer.storage)
      if descriptor >= 0 {
        open(descriptor, peer)
        continue
      }
      switch uv_errno_t(descriptor) {
      case UV_EAGAIN: return
      // The next one in the backlog may be fine (accept(2): errors of the new connection are reported here).
      case UV_EINTR, UV_ECONNABORTED, UV_EPROTO, UV_EPERM, UV_ENETDOWN, UV_ENETUNREACH, UV_EHOSTUNREACH, UV_EHOSTDOWN, UV_ETIMEDOUT:
        continue
      default: return rest(UVError(code: descriptor))
      }
    }
  }

  private func open(_ descriptor: Int32, _ peer: SocketAddress) {
    do throws(UVError) {
      let connection = try TCPConnection(loop: loop, accepted: descriptor, peerAddress: peer.text)
      delegate?.listener(self, didAccept: connection)
    } catch {
      _ = cuv_close_fd(descriptor)
      delegate?.listener(self, didFail: error)
    }
  }

  /// The socket stays readable while a connection waits: watching it on would spin.
  private func rest(_ error: UVError) {
    poll?.stop()
    if retry == nil { retry = LoopTimer(loop: loop) { [self] in poll?.watch(.readable) } }
    retry?.start(after: Self.pause)
    delegate?.listener(self, didFail: error)
  }
}

extension TCPListener: PollHandleDelegate {
  public func isReady(_ events: PollHandle.Events, _ failed: Bool) { accept(failed: failed) }
}

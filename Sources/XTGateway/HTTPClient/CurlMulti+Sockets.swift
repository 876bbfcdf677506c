import CCurl
import EventLoop

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// POLLRDHUP of Linux's poll(2), which the C library shows to GNU sources only.
private let pollPeerClosed: Int16 = 0x2000

/// What libcurl asks of the loop: which sockets to watch, and when to call again.
extension CurlMulti {
  /// The upstream has ended a connection that libcurl does not read from: an idle one, or a paused transfer's. Before libcurl (seen with
  /// 7.88) uses an idle one again it reads a single TLS record, and takes the connection for alive if that is a frame in front of the end.
  var hasEndedIdleSocket: Bool {
    var idle = sockets.values.filter { $0.isEstablished && $0.wanted.isEmpty }
      .map { pollfd(fd: $0.descriptor, events: pollPeerClosed, revents: 0) }
    return !idle.isEmpty && poll(&idle, nfds_t(idle.count), 0) > 0
  }

  fileprivate func socketWillClose(_ descriptor: Int32) { sockets.removeValue(forKey: descriptor)?.close() }

  fileprivate func socketDidChange(_ easy: UnsafeMutableRawPointer?, _ descriptor: Int32, _ what: Int32) {
    let events: PollHandle.Events
    switch what {
    case CURL_POLL_REMOVE:
      guard let socket = sockets[descriptor] else { return }
      if socket.isEstablished { socket.rest() } else { socketWillClose(descriptor) }
      return
    case CURL_POLL_IN: events = .readable
    case CURL_POLL_OUT: events = .writable
    case CURL_POLL_INOUT: events = [.readable, .writable]
    default: events = []
    }
    let socket = sockets[descriptor] ?? CurlSocket(descriptor, of: self)
    sockets[descriptor] = socket
    if events == .readable, !socket.isEstablished, EasyHandle.of(easy)?.isConnected == true { socket.isEstablished = true }
    do throws(UVError) { try socket.watch(events) } catch { operations.append(.failSocket(descriptor)) }
  }

  func socketIsReady(_ socket: CurlSocket, _ events: PollHandle.Events, _ failed: Bool) {
    guard !socket.wanted.isEmpty else { return socket.ignore() }
    var mask: Int32 = 0
    if events.contains(.readable) { mask |= CURL_CSELECT_IN }
    if events.contains(.writable) { mask |= CURL_CSELECT_OUT }
    // With the error alone libcurl would give up at once; reading first brings what came before the connection died.
    if failed { mask = CURL_CSELECT_IN | CURL_CSELECT_OUT | CURL_CSELECT_ERR }
    actInTurn(socket.descriptor, mask)
    if failed { socket.watchAgain() }
  }
}

/// Says whether it was closed; not what somebody else uses from now on.
func multiClosesSocket(_ object: UnsafeMutableRawPointer?, _ descriptor: curl_socket_t) -> Int32 {
  let multi = Unmanaged<CurlMulti>.fromOpaque(object!).takeUnretainedValue()
  multi.socketWillClose(descriptor)
  return multi.releases(descriptor) ? 0 : ccurl_close_socket(descriptor)
}

func multiSocketDidChange(
  _ easy: UnsafeMutableRawPointer?, _ descriptor: curl_socket_t, _ what: Int32, _ object: UnsafeMutableRawPointer?,
  _: UnsafeMutableRawPointer?
) -> Int32 {
  Unmanaged<CurlMulti>.fromOpaque(object!).takeUnretainedValue().socketDidChange(easy, descriptor, what)
  return 0
}

func multiTimerDidChange(_: UnsafeMutableRawPointer?, _ milliseconds: Int, _ object: UnsafeMutableRawPointer?) -> Int32 {
  Unmanaged<CurlMulti>.fromOpaque(object!).takeUnretainedValue().timerDidChange(milliseconds)
  return 0
}

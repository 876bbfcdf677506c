import CCurl
import EventLoop

/// What libcurl asks of the loop: which sockets to watch, and when to call again.
extension HTTPClient {
  fileprivate func socketDidChange(_ descriptor: Int32, _ what: Int32) {
    let events: PollHandle.Events
    switch what {
    case CURL_POLL_REMOVE:
      sockets.removeValue(forKey: descriptor)?.poll.close()
      return
    case CURL_POLL_IN: events = .readable
    case CURL_POLL_OUT: events = .writable
    case CURL_POLL_INOUT: events = [.readable, .writable]
    default: events = []
    }
    do throws(UVError) {
      var poll = sockets[descriptor]?.poll
      if poll == nil {
        poll = try PollHandle(loop: loop, fileDescriptor: descriptor) { [self] in socketIsReady(descriptor, $0, $1) }
      }
      sockets[descriptor] = (poll!, events)
      poll!.watch(events)
    } catch {
      operations.append(.failSocket(descriptor))
    }
  }

  private func socketIsReady(_ descriptor: Int32, _ events: PollHandle.Events, _ failed: Bool) {
    var mask: Int32 = 0
    if events.contains(.readable) { mask |= CURL_CSELECT_IN }
    if events.contains(.writable) { mask |= CURL_CSELECT_OUT }
    // With the error alone libcurl would give up at once; reading first brings what came before the connection died.
    if failed { mask = CURL_CSELECT_IN | CURL_CSELECT_OUT | CURL_CSELECT_ERR }
    let poll = sockets[descriptor]?.poll
    act(descriptor, mask)
    // libuv watches a failed socket no more, libcurl may still want to.
    if failed, let poll, let socket = sockets[descriptor], socket.poll === poll { poll.watch(socket.events) }
  }

  fileprivate func timerDidChange(_ milliseconds: Int) {
    if milliseconds < 0 { timer?.stop() } else { timer?.start(after: UInt64(milliseconds)) }
  }
}

func clientSocketDidChange(
  _: UnsafeMutableRawPointer?, _ descriptor: curl_socket_t, _ what: Int32, _ object: UnsafeMutableRawPointer?,
  _: UnsafeMutableRawPointer?
) -> Int32 {
  Unmanaged<HTTPClient>.fromOpaque(object!).takeUnretainedValue().socketDidChange(descriptor, what)
  return 0
}

func clientTimerDidChange(_: UnsafeMutableRawPointer?, _ milliseconds: Int, _ object: UnsafeMutableRawPointer?) -> Int32 {
  Unmanaged<HTTPClient>.fromOpaque(object!).takeUnretainedValue().timerDidChange(milliseconds)
  return 0
}

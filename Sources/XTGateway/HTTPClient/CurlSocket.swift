import CCurl
import EventLoop

/// A socket of libcurl's on the loop.
///
/// An established connection's socket is watched to its end, also while it is idle: to let the loop forget and learn it again with
/// every transfer would cost six system calls. Sockets that are still connecting and the resolver's come and go as libcurl says, since
/// libcurl does not tell when it closes one of those.
final class CurlSocket: PollHandleDelegate {
  private unowned let multi: CurlMulti
  let descriptor: Int32
  /// A request has been sent on it. From then on libcurl tells when it closes it.
  @exclusivity(unchecked) var isEstablished = false
  /// What libcurl wants to hear of.
  @exclusivity(unchecked) private(set) var wanted: PollHandle.Events = []
  private var poll: PollHandle?

  init(_ descriptor: Int32, of multi: CurlMulti) { (self.descriptor, self.multi) = (descriptor, multi) }

  func watch(_ events: PollHandle.Events) throws(UVError) {
    wanted = events
    if poll == nil { poll = try PollHandle(loop: multi.loop, fileDescriptor: descriptor, delegate: self) }
    poll?.watch(events)
  }

  func isReady(_ events: PollHandle.Events, _ failed: Bool) { multi.socketIsReady(self, events, failed) }

  /// libcurl has nothing to do with it for now. It can always be written to, so that is not waited for.
  func rest() {
    wanted = []
    if poll?.watched.contains(.writable) == true { poll?.watch(.readable) }
  }

  /// Something came that nobody wants: the server has ended an idle connection, or a transfer pauses. libcurl sees for itself later.
  func ignore() { poll?.stop() }

  /// libuv watches a failed socket no more.
  func watchAgain() { if !wanted.isEmpty { poll?.watch(wanted) } }

  func close() {
    poll?.close()
    poll = nil
    wanted = []
  }
}

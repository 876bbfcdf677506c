import CUV

/// A timer of microseconds where `LoopTimer` has milliseconds. It takes a descriptor, and three system calls each time, so it is for who
/// sets the pace of others: the simulator and the load generator. One close is owed.
public final class FineTimer: PollHandleDelegate {
  private let descriptor: Int32
  private var callback: (() -> Void)?
  private var poll: PollHandle?

  public init(loop: EventLoop, _ callback: @escaping () -> Void) throws(UVError) {
    self.callback = callback
    descriptor = cuv_timer_open()
    try UVError.check(descriptor)
    do throws(UVError) {
      poll = try PollHandle(loop: loop, fileDescriptor: descriptor, delegate: self)
    } catch {
      _ = cuv_close_fd(descriptor)
      throw error
    }
    poll?.watch(.readable)
  }

  deinit { assert(poll == nil, "a FineTimer was not closed") }

  /// Fires once after `microseconds` (0: in the next turn). Starting again restarts; nothing happens on a closed timer.
  public func start(after microseconds: UInt64) {
    guard poll != nil else { return }
    UVError.mustSucceed(cuv_timer_set(descriptor, microseconds), "timerfd_settime")
  }

  public func close() {
    guard let poll else { return }
    (self.poll, callback) = (nil, nil)
    poll.close()
    _ = cuv_close_fd(descriptor)
  }

  public func isReady(_ events: PollHandle.Events, _ failed: Bool) {
    let taken = cuv_timer_take(descriptor)
    UVError.mustSucceed(min(taken, 0), "read of a timer")
    if taken > 0 { callback?() }
  }
}

import CUV

public protocol PollHandleDelegate: AnyObject {
  /// Which events, and whether libuv reported an error instead (bad status). After an error nothing is watched any more until `watch` is
  /// called again.
  func isReady(_ events: PollHandle.Events, _ failed: Bool)
}

/// Watches a file descriptor that someone else owns (libcurl's sockets).
public final class PollHandle: LoopHandle {
  public struct Events: OptionSet, Sendable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }
    public static let readable = Events(rawValue: 1), writable = Events(rawValue: 2)
  }

  /// Kept alive until `close`.
  @exclusivity(unchecked) private var delegate: (any PollHandleDelegate)?
  /// What libuv watches now: a change costs two system calls, so none is made without need.
  @exclusivity(unchecked) public private(set) var watched: Events = []

  public init(loop: EventLoop, fileDescriptor: Int32, delegate: any PollHandleDelegate) throws(UVError) {
    self.delegate = delegate
    super.init(loop: loop, uv_poll_t.self)
    try UVError.check(uv_poll_init(loop.uv, poll, fileDescriptor))
    didOpen()
  }

  private var poll: UnsafeMutablePointer<uv_poll_t> { memory.assumingMemoryBound(to: uv_poll_t.self) }

  /// Replaces what is watched; nothing is the same as `stop`.
  public func watch(_ events: Events) {
    guard isOpen, events != watched else { return }
    guard !events.isEmpty else { return stop() }
    UVError.mustSucceed(uv_poll_start(poll, events.rawValue, pollDidReport), "uv_poll_start")
    watched = events
  }

  public func stop() {
    guard isOpen else { return }
    UVError.mustSucceed(uv_poll_stop(poll), "uv_poll_stop")
    watched = []
  }

  /// Stops at once; memory goes in the close callback.
  public override func close() {
    delegate = nil
    super.close()
  }

  fileprivate func report(_ status: Int32, _ events: Int32) {
    loop.enter()
    if status < 0 { watched = [] }
    delegate?.isReady(Events(rawValue: events), status < 0)
    loop.leave()
  }
}

private func pollDidReport(_ poll: UnsafeMutablePointer<uv_poll_t>?, _ status: Int32, _ events: Int32) {
  // libuv's own share keeps the handle alive until its close callback, which is never called from within this.
  Unmanaged<PollHandle>.fromOpaque(poll!.pointee.data)._withUnsafeGuaranteedRef { $0.report(status, events) }
}

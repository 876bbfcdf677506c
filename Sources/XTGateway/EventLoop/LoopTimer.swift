import CUV

/// What a timer that many have tells, where a closure for each would take memory.
public protocol LoopTimerDelegate: AnyObject {
  func timerDidFire()
}

/// A timer. Keeps itself and its callback or delegate alive until `close()`; one close is owed for every init.
public final class LoopTimer {
  private let loop: EventLoop
  private var callback: (() -> Void)?
  private var delegate: (any LoopTimerDelegate)?
  /// Nil once it is closed.
  private var timer: UnsafeMutablePointer<uv_timer_t>?

  public convenience init(loop: EventLoop, _ callback: @escaping () -> Void) {
    self.init(loop: loop, callback, nil)
  }

  public convenience init(loop: EventLoop, delegate: any LoopTimerDelegate) { self.init(loop: loop, nil, delegate) }

  private init(loop: EventLoop, _ callback: (() -> Void)?, _ delegate: (any LoopTimerDelegate)?) {
    (self.loop, self.callback, self.delegate) = (loop, callback, delegate)
    let timer = loop.timers.take(loop)
    self.timer = timer
    timer.pointee.data = Unmanaged.passRetained(self).toOpaque()
  }

  /// Fires once after `milliseconds` (0: in the next turn), or every `repeating` ms after that. Starting again restarts.
  /// Nothing happens on a closed timer.
  public func start(after milliseconds: UInt64, repeating: UInt64 = 0) {
    guard let timer else { return }
    UVError.mustSucceed(uv_timer_start(timer, timerDidFire, milliseconds, repeating), "uv_timer_start")
  }

  public func stop() {
    guard let timer else { return }
    UVError.mustSucceed(uv_timer_stop(timer), "uv_timer_stop")
  }

  public var isActive: Bool {
    guard let timer else { return false }
    return timer.withMemoryRebound(to: uv_handle_t.self, capacity: 1) { uv_is_active($0) } != 0
  }

  /// Whether it keeps `run()` from returning (default true).
  public func keepsLoopAlive(_ yes: Bool) {
    guard let timer else { return }
    timer.withMemoryRebound(to: uv_handle_t.self, capacity: 1) { if yes { uv_ref($0) } else { uv_unref($0) } }
  }

  public func close() {
    guard let timer else { return }
    (self.timer, callback, delegate) = (nil, nil, nil)
    loop.timers.give(timer)
    Unmanaged.passUnretained(self).release()
  }

  fileprivate func fire() {
    loop.enter()
    // Its own call may close the timer.
    if let delegate { delegate.timerDidFire() } else { callback?() }
    loop.leave()
  }
}

private func timerDidFire(_ timer: UnsafeMutablePointer<uv_timer_t>?) {
  Unmanaged<LoopTimer>.fromOpaque(timer!.pointee.data).takeUnretainedValue().fire()
}

/// The handles of one loop's closed timers, to be used again: every request and every connection has a timer, and closing one takes
/// libuv another turn.
struct TimerHandles {
  /// More are closed. Few: those of a burst would lie all over the heap and keep it from being given back.
  static let maxCount = 64

  private(set) var free: [UnsafeMutablePointer<uv_timer_t>] = []
  private var isClosed = false

  /// A handle that is not active, and keeps the loop alive when it is.
  fileprivate mutating func take(_ loop: EventLoop) -> UnsafeMutablePointer<uv_timer_t> {
    if let timer = free.popLast() { return timer }
    let timer = UnsafeMutablePointer<uv_timer_t>.allocate(capacity: 1)
    UVError.mustSucceed(uv_timer_init(loop.uv, timer), "uv_timer_init")
    return timer
  }

  fileprivate mutating func give(_ timer: UnsafeMutablePointer<uv_timer_t>) {
    guard !isClosed, free.count < Self.maxCount else { return Self.close(timer) }
    UVError.mustSucceed(uv_timer_stop(timer), "uv_timer_stop")
    timer.withMemoryRebound(to: uv_handle_t.self, capacity: 1) { uv_ref($0) }
    free.append(timer)
  }

  /// The loop closes: none is kept from now on.
  mutating func close() {
    isClosed = true
    for timer in free { Self.close(timer) }
    free = []
  }

  private static func close(_ timer: UnsafeMutablePointer<uv_timer_t>) {
    timer.withMemoryRebound(to: uv_handle_t.self, capacity: 1) { handle in
      uv_close(handle) { $0!.withMemoryRebound(to: uv_timer_t.self, capacity: 1) { $0.deallocate() } }
    }
  }
}

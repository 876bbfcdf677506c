import CUV

/// A timer. Keeps itself and its callback alive until `close()`; one close is owed for every init.
package final class LoopTimer: LoopHandle {
  private var callback: (() -> Void)?

  package init(loop: EventLoop, _ callback: @escaping () -> Void) {
    self.callback = callback
    super.init(loop: loop, uv_timer_t.self)
    UVError.mustSucceed(uv_timer_init(loop.uv, timer), "uv_timer_init")
    didOpen()
  }

  private var timer: UnsafeMutablePointer<uv_timer_t> { memory.assumingMemoryBound(to: uv_timer_t.self) }

  /// Fires once after `milliseconds` (0: in the next turn), or every `repeating` ms after that. Starting again restarts.
  /// Nothing happens on a closed timer.
  package func start(after milliseconds: UInt64, repeating: UInt64 = 0) {
    guard isOpen else { return }
    UVError.mustSucceed(uv_timer_start(timer, timerDidFire, milliseconds, repeating), "uv_timer_start")
  }

  package func stop() {
    guard isOpen else { return }
    UVError.mustSucceed(uv_timer_stop(timer), "uv_timer_stop")
  }

  package var isActive: Bool { isOpen && uv_is_active(handle) != 0 }

  /// Whether it keeps `run()` from returning (default true).
  package func keepsLoopAlive(_ yes: Bool) {
    guard isOpen else { return }
    if yes { uv_ref(handle) } else { uv_unref(handle) }
  }

  package override func close() {
    callback = nil
    super.close()
  }

  fileprivate func fire() {
    loop.enter()
    callback?()
    loop.leave()
  }
}

private func timerDidFire(_ timer: UnsafeMutablePointer<uv_timer_t>?) {
  Unmanaged<LoopTimer>.fromOpaque(timer!.pointee.data).takeUnretainedValue().fire()
}

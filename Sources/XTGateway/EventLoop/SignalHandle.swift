import CUV

/// A signal handler on the loop. Does not keep the loop alive.
public final class SignalHandle: LoopHandle {
  private var callback: (() -> Void)?

  public init(loop: EventLoop, signal: Int32, _ callback: @escaping () -> Void) throws(UVError) {
    self.callback = callback
    super.init(loop: loop, uv_signal_t.self)
    try UVError.check(uv_signal_init(loop.uv, handler))
    didOpen()
    uv_unref(handle)
    let code = uv_signal_start(handler, signalDidArrive, signal)
    guard code == 0 else {
      close()
      throw UVError(code: code)
    }
  }

  private var handler: UnsafeMutablePointer<uv_signal_t> { memory.assumingMemoryBound(to: uv_signal_t.self) }

  public override func close() {
    callback = nil
    super.close()
  }

  fileprivate func arrive() {
    loop.enter()
    callback?()
    loop.leave()
  }
}

private func signalDidArrive(_ handler: UnsafeMutablePointer<uv_signal_t>?, _ signal: Int32) {
  Unmanaged<SignalHandle>.fromOpaque(handler!.pointee.data).takeUnretainedValue().arrive()
}

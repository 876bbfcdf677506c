import CUV

/// The life of a libuv handle, the same for every kind: one owner, memory of its own beside the object, and between a successful
/// init and the close callback a retain on behalf of libuv. `close` is owed once, and harmless when repeated.
public class LoopHandle {
  private enum State { case fresh, open, closing, closed }

  public let loop: EventLoop
  let memory: UnsafeMutableRawPointer
  private var state = State.fresh

  init<Handle>(loop: EventLoop, _ type: Handle.Type) {
    self.loop = loop
    memory = .allocate(byteCount: MemoryLayout<Handle>.size, alignment: MemoryLayout<Handle>.alignment)
  }

  deinit {
    assert(state == .fresh || state == .closed, "a \(type(of: self)) was not closed")
    memory.deallocate()
  }

  final var handle: UnsafeMutablePointer<uv_handle_t> { memory.assumingMemoryBound(to: uv_handle_t.self) }

  /// Whether `close` is still owed.
  public final var isOpen: Bool { state == .open }

  /// libuv's init has succeeded: from here on `close` is owed.
  final func didOpen() {
    handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
    state = .open
  }

  public func close() { close { uv_close($0, didClose) } }

  final func close(_ closeHandle: (UnsafeMutablePointer<uv_handle_t>) -> Void) {
    guard state == .open else { return }
    state = .closing
    closeHandle(handle)
  }

  fileprivate final func closed() { state = .closed }
}

/// The close callback of every handle; gives libuv's retain back.
func didClose(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
  let object = Unmanaged<LoopHandle>.fromOpaque(handle!.pointee.data).takeRetainedValue()
  object.loop.enter()
  object.closed()
  object.loop.leave()
}

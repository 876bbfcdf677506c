import CUV

/// Messages for one loop from any thread, in order of each sender. Made before its loop opens it; what comes earlier waits.
public final class LoopMailbox<Message: Sendable>: Sendable {
  private struct State {
    var messages: [Message] = []
    var wake: LoopWake?
    var isClosed = false
  }

  private let state = Locked(State())

  public init() {}

  /// The loop receives `message` soon; false: it is closed, and nobody will.
  @discardableResult public func post(_ message: Message) -> Bool {
    state.withLock { state in
      guard !state.isClosed else { return false }
      state.messages.append(message)
      // Where a message waits already, so does its wake-up. Sent under the lock: the handle is closed only after `close`.
      if state.messages.count == 1 { state.wake?.send() }
      return true
    }
  }

  fileprivate func open(_ wake: LoopWake) {
    state.withLock { state in
      state.wake = wake
      if !state.messages.isEmpty { wake.send() }
    }
  }

  fileprivate func close() {
    state.withLock { state in
      state.isClosed = true
      state.wake = nil
    }
  }

  /// Swaps the waiting messages with `spare`, which must be empty.
  fileprivate func take(_ spare: inout [Message]) { state.withLock { swap(&$0.messages, &spare) } }
}

/// The loop's end of a mailbox. Keeps the loop running, itself and its callback alive until `close()`; one close is owed.
public final class MailboxReceiver<Message: Sendable> {
  private let mailbox: LoopMailbox<Message>
  private let handle: AsyncHandle
  private let receive: (Message) -> Void
  /// Swapped with the mailbox's array, so that both keep their memory.
  private var messages: [Message] = []

  public init(loop: EventLoop, mailbox: LoopMailbox<Message>, _ receive: @escaping (Message) -> Void) throws(UVError) {
    (self.mailbox, self.receive) = (mailbox, receive)
    handle = try AsyncHandle(loop: loop)
    handle.callback = { [self] in deliver() }
    mailbox.open(handle.wake)
  }

  /// What was posted before is still received, during this call.
  public func close() {
    guard handle.isOpen else { return }
    mailbox.close()
    deliver()
    handle.close()
  }

  private func deliver() {
    var received: [Message] = []
    swap(&received, &messages)
    mailbox.take(&received)
    for message in received { receive(message) }
    received.removeAll(keepingCapacity: true)
    messages = received
  }
}

/// What wakes a loop from another thread. `uv_async_send` is the one call that libuv allows from any thread; the pointer is used for
/// nothing else.
struct LoopWake: @unchecked Sendable {
  let async: UnsafeMutablePointer<uv_async_t>

  func send() { UVError.mustSucceed(uv_async_send(async), "uv_async_send") }
}

final class AsyncHandle: LoopHandle {
  fileprivate var callback: (() -> Void)?

  init(loop: EventLoop) throws(UVError) {
    super.init(loop: loop, uv_async_t.self)
    try UVError.check(uv_async_init(loop.uv, async, didWake))
    didOpen()
  }

  private var async: UnsafeMutablePointer<uv_async_t> { memory.assumingMemoryBound(to: uv_async_t.self) }
  var wake: LoopWake { LoopWake(async: async) }

  override func close() {
    callback = nil
    super.close()
  }

  fileprivate func fire() {
    loop.enter()
    callback?()
    loop.leave()
  }
}

private func didWake(_ async: UnsafeMutablePointer<uv_async_t>?) {
  Unmanaged<AsyncHandle>.fromOpaque(async!.pointee.data).takeUnretainedValue().fire()
}

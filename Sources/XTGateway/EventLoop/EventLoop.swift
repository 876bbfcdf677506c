import CUV
import Wire

/// Work put off to the end of the running callback of the loop.
public protocol DeferredWork: AnyObject {
  func runDeferred()
}

/// One libuv loop and its thread. Not Sendable: everything that hangs on a loop is confined to the thread that runs it.
///
/// One `close` is owed. libuv enters Swift through C functions that look the same everywhere: they find their object through the
/// handle's `data`, call `enter`, do their work and call `leave`, which runs what was deferred meanwhile. (But for `WakeupModerator`, which runs
/// nothing of the owner's.)
public final class EventLoop {
  private enum State { case open, closing, closed }

  let uv: UnsafeMutablePointer<uv_loop_t>
  private let async: UnsafeMutablePointer<uv_async_t>
  /// The one door for other threads.
  public let inbox: LoopInbox
  /// What every connection of the loop reads into: reads are handed out synchronously, so one buffer serves all.
  public let readBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 16)

  private var state = State.open
  // Read or written at one stroke, so that no two accesses overlap; the run-time check for that has to be paid in every callback.
  @exclusivity(unchecked) private var depth = 0
  /// The first of what was put off: a callback that puts off anything mostly does so once.
  @exclusivity(unchecked) private var firstDeferred: (any DeferredWork)?
  /// What stands behind it.
  @exclusivity(unchecked) private var deferred: [any DeferredWork] = []
  /// Swapped with the inbox's array, so that both keep their memory.
  private var jobs: [LoopInbox.Job] = []
  /// Made when they are needed first.
  private var turns: TurnQueue?
  private var ownTurns: TurnQueue?
  private(set) var moderator: WakeupModerator?
  @exclusivity(unchecked) var timers = TimerHandles()

  public init() throws(UVError) {
    UVError.mustSucceed(cuv_ignore_sigpipe(), "signal(SIGPIPE)")
    uv = .allocate(capacity: 1)
    async = .allocate(capacity: 1)
    inbox = LoopInbox(async: async)
    var code = uv_loop_init(uv)
    if code == 0 {
      code = uv_async_init(uv, async, didReceiveJobs)
      if code < 0 { UVError.mustSucceed(uv_loop_close(uv), "uv_loop_close") }
    }
    guard code == 0 else {
      state = .closed
      throw UVError(code: code)
    }
    uv.pointee.data = Unmanaged.passUnretained(self).toOpaque()
    async.withMemoryRebound(to: uv_handle_t.self, capacity: 1) { uv_unref($0) }
    inbox.open()
  }

  deinit {
    assert(state == .closed, "an event loop was not closed")
    // Handles may still hang on a loop that was never closed; its memory is given up rather than pulled away from them.
    guard state == .closed else { return }
    uv.deallocate()
    async.deallocate()
    readBuffer.deallocate()
  }

  /// Runs until `stop()` or until nothing is left to wait for.
  public func run() {
    precondition(state == .open && depth == 0, "run() of a closed or running loop")
    enter()
    leave()
    // Above 0: stopped although handles are left. Not a failure.
    UVError.mustSucceed(uv_run(uv, UV_RUN_DEFAULT), "uv_run")
  }

  public func stop() { uv_stop(uv) }

  /// Lets the loop put off looking for events by 25 µs each time while it turns more than 16,000 times a second and the delay makes the
  /// same work cheaper, since events gather (`WakeupModeration`). To be called once.
  /// - Parameter progress: what the loop has achieved so far, as bytes sent. It may only read: no callback is running.
  public func moderateWakeups(progress: @escaping () -> Int) {
    guard state == .open, moderator == nil else { return }
    moderator = WakeupModerator(loop: self, progress: progress)
  }

  /// Closes what the loop owns itself and runs it until every handle is closed; traps in debug builds if one was left open.
  /// Jobs that the inbox accepted still run.
  public func close() {
    precondition(depth == 0, "close() of a running loop")
    guard state == .open else { return }
    inbox.close()
    receiveJobs()
    state = .closing
    turns?.close()
    ownTurns?.close()
    moderator?.close()
    (turns, ownTurns, moderator) = (nil, nil, nil)
    timers.close()
    async.withMemoryRebound(to: uv_handle_t.self, capacity: 1) { uv_close($0, nil) }
    while countHandles(closing: true) > 0 { UVError.mustSucceed(uv_run(uv, UV_RUN_NOWAIT), "uv_run") }
    let left = countHandles(closing: false)
    assert(left == 0, "\(left) handles were left open on a loop that is being closed")
    guard left == 0 else { return }
    UVError.mustSucceed(uv_loop_close(uv), "uv_loop_close")
    state = .closed
  }

  /// Milliseconds on a monotonic clock, as of the beginning of this turn.
  public var now: UInt64 { uv_now(uv) }

  /// Runs `work` once when the callback that is running now has ended (before the loop goes on), in order. Work enqueued by
  /// such work runs in the same place. Outside of any callback it runs when `run()` is called next.
  public func enqueue(_ work: any DeferredWork) {
    if firstDeferred == nil && deferred.isEmpty { firstDeferred = work } else { deferred.append(work) }
  }

  /// Runs `work` in a later turn of the loop, when sockets and timers have been looked after. First come, first served, sixteen a turn:
  /// for connections, of which thousands may wait.
  public func enqueueNextTurn(_ work: any TurnWork) { add(work, to: &turns) }

  /// The same for the program's own work, which does not wait for connections: for the few that enqueue themselves once, and do only a
  /// little each time.
  public func enqueueOwnTurn(_ work: any TurnWork) { add(work, to: &ownTurns) }

  private func add(_ work: any TurnWork, to queue: inout TurnQueue?) {
    guard state == .open else { return }
    let turns = queue ?? TurnQueue(loop: self)
    queue = turns
    turns.add(work)
  }

  /// Every C callback begins with this …
  @inline(__always) func enter() { depth += 1 }

  /// … and ends with this.
  @inline(__always) func leave() {
    if depth == 1 && firstDeferred != nil { runDeferred() }
    depth -= 1
  }

  private func runDeferred() {
    while let work = firstDeferred.take() {
      work.runDeferred()
      guard !deferred.isEmpty else { continue }
      var index = 0
      while index < deferred.count {
        deferred[index].runDeferred()
        index += 1
      }
      deferred.removeAll(keepingCapacity: true)
    }
  }

  func receiveJobs() {
    enter()
    inbox.take(&jobs)
    for job in jobs { job() }
    jobs.removeAll(keepingCapacity: true)
    leave()
  }

  private func countHandles(closing: Bool) -> Int {
    var count = (open: 0, closing: 0)
    withUnsafeMutablePointer(to: &count) { uv_walk(uv, countHandle, $0) }
    return closing ? count.closing : count.open
  }
}

private func didReceiveJobs(_ async: UnsafeMutablePointer<uv_async_t>?) {
  Unmanaged<EventLoop>.fromOpaque(async!.pointee.loop.pointee.data).takeUnretainedValue().receiveJobs()
}

private func countHandle(_ handle: UnsafeMutablePointer<uv_handle_t>?, _ count: UnsafeMutableRawPointer?) {
  let count = count!.assumingMemoryBound(to: (open: Int, closing: Int).self)
  if uv_is_closing(handle) == 0 { count.pointee.open += 1 } else { count.pointee.closing += 1 }
}

import CUV

/// Work that goes on in a later turn of the loop.
public protocol TurnWork: AnyObject {
  func runTurn()
}

/// What waits for a later turn, first come first served, and only so much of it a turn: between two turns the loop looks after
/// sockets and timers, so whoever always has more to do cannot keep it from the others. The same holds for what is added while
/// sockets are looked after: they are once more before it is run, for its callback has kept them waiting already.
///
/// An idle handle and no timer of 0 ms: libuv before 1.45 runs such a timer again in the same turn when its callback starts it.
final class TurnQueue: LoopHandle {
  /// How much is run in a turn.
  static let batch = 16

  private var waiting = FIFOQueue<any TurnWork>()
  /// So many of them are due: sockets were looked after since they came.
  private var due = 0

  init(loop: EventLoop) {
    super.init(loop: loop, uv_idle_t.self)
    UVError.mustSucceed(uv_idle_init(loop.uv, idle), "uv_idle_init")
    didOpen()
  }

  private var idle: UnsafeMutablePointer<uv_idle_t> { memory.assumingMemoryBound(to: uv_idle_t.self) }

  func add(_ work: any TurnWork) {
    guard isOpen else { return }
    if waiting.isEmpty { UVError.mustSucceed(uv_idle_start(idle, turnDidBegin), "uv_idle_start") }
    waiting.append(work)
  }

  override func close() {
    waiting.removeAll()
    super.close()
  }

  fileprivate func run() {
    loop.enter()
    // What is added meanwhile is for the next turn.
    for _ in 0..<min(Self.batch, due) { waiting.popFirst()?.runTurn() }
    due = waiting.count
    if waiting.isEmpty, isOpen { UVError.mustSucceed(uv_idle_stop(idle), "uv_idle_stop") }
    loop.leave()
  }
}

private func turnDidBegin(_ idle: UnsafeMutablePointer<uv_idle_t>?) {
  Unmanaged<TurnQueue>.fromOpaque(idle!.pointee.data).takeUnretainedValue().run()
}

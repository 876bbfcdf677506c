import EventLoop

/// Something to be done at given times.
protocol PacedWork: AnyObject {
  /// Does what is due at `now` (microseconds, monotonic).
  /// - Returns: when to come again; nil: not until it is added again.
  func run(now: UInt64) -> UInt64?
}

/// One timer for all streams: a heap by due time. What is late stays due at its own time, so that paces do not drift.
final class Pacer {
  private struct Entry {
    let due: UInt64
    /// Keeps the order of what is due at the same time.
    let order: UInt64
    let work: any PacedWork
  }

  /// Streams served in one callback: their bytes leave when it ends, so a few, for stamps to be close to the sending.
  private static let callbackShare = 8
  /// Callbacks in one turn of the loop, before it looks at its sockets again.
  private static let turnShare = 64

  private let loop: EventLoop
  private var heap: [Entry] = []
  private var timer: LoopTimer?
  private var added: UInt64 = 0
  private var isRunning = false
  private var served: [(work: any PacedWork, next: UInt64?)] = []
  private var turn: (time: UInt64, callbacks: Int) = (0, 0)
  /// The most that anything was late, in microseconds.
  private(set) var latest: UInt64 = 0

  init(loop: EventLoop) {
    self.loop = loop
    timer = LoopTimer(loop: loop) { [unowned self] in fire() }
  }

  func close() {
    timer?.close()
    timer = nil
    heap = []
  }

  func resetLateness() { latest = 0 }

  func add(_ work: any PacedWork, due: UInt64) {
    push(work, due)
    if !isRunning { arm(Clock.monotonicMicroseconds()) }
  }

  private func fire() {
    isRunning = true
    let now = Clock.monotonicMicroseconds()
    // Nothing runs twice in a callback, however late it is: what it writes twice would leave in one write.
    while served.count < Self.callbackShare, let first = heap.first, first.due <= now {
      latest = max(latest, now - first.due)
      pop()
      served.append((first.work, first.work.run(now: now)))
    }
    for (work, next) in served { if let next { push(work, next) } }
    served.removeAll(keepingCapacity: true)
    isRunning = false
    arm(now)
  }

  private func arm(_ now: UInt64) {
    guard let first = heap.first else { return }
    guard first.due <= now else {
      timer?.start(after: (first.due - now + 999) / 1000)
      return
    }
    // Timers without delay may all run before the loop polls again; after a share of them sockets get their turn.
    if turn.time != loop.now { turn = (loop.now, 0) }
    turn.callbacks += 1
    timer?.start(after: turn.callbacks > Self.turnShare ? 1 : 0)
  }

  private func push(_ work: any PacedWork, _ due: UInt64) {
    added += 1
    heap.append(Entry(due: due, order: added, work: work))
    var index = heap.count - 1
    while index > 0, precedes(index, (index - 1) / 2) {
      heap.swapAt(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
  }

  private func pop() {
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var index = 0
    while true {
      var least = index
      for child in [2 * index + 1, 2 * index + 2] where child < heap.count && precedes(child, least) { least = child }
      if least == index { return }
      heap.swapAt(index, least)
      index = least
    }
  }

  private func precedes(_ left: Int, _ right: Int) -> Bool {
    (heap[left].due, heap[left].order) < (heap[right].due, heap[right].order)
  }
}

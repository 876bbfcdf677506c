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

  /// Works served in one turn of the loop, before it looks at its sockets again.
  private static let turnShare = 16
  /// Microseconds: what is due within so many is done together, so that thousands of streams are not as many wake-ups.
  private static let grid: UInt64 = 250

  private var heap: [Entry] = []
  private var timer: FineTimer?
  private var added: UInt64 = 0
  private var isRunning = false
  private var served: [(work: any PacedWork, next: UInt64?)] = []
  /// The most that anything was late, in microseconds.
  private(set) var latest: UInt64 = 0

  init(loop: EventLoop) throws(UVError) {
    timer = try FineTimer(loop: loop) { [unowned self] in fire() }
  }

  func close() {
    timer?.close()
    timer = nil
    heap = []
  }

  func resetLateness() { latest = 0 }

  func add(_ work: any PacedWork, due: UInt64) {
    push(work, due)
    if !isRunning, heap[0].order == added { arm(Clock.monotonicMicroseconds()) }
  }

  private func fire() {
    isRunning = true
    let now = Clock.monotonicMicroseconds()
    // Nothing runs twice in a turn, however late it is: others wait as well.
    while served.count < Self.turnShare, let first = heap.first, first.due <= now {
      latest = max(latest, now - first.due)
      pop()
      served.append((first.work, first.work.run(now: now)))
    }
    for (work, next) in served { if let next { push(work, next) } }
    served.removeAll(keepingCapacity: true)
    isRunning = false
    arm(Clock.monotonicMicroseconds())
  }

  private func arm(_ now: UInt64) {
    guard let first = heap.first else { return }
    guard first.due > now else { return timer?.start(after: 0) ?? () }
    let time = (first.due + Self.grid - 1) / Self.grid * Self.grid
    timer?.start(after: time - now)
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

import EventLoop

/// Has the process give memory back when it is quiet. One for the process; one `close` is owed.
public final class MemoryKeeper {
  private let loop: EventLoop
  private let running: () -> Int
  private var timer: LoopTimer?
  private var trim = MemoryTrim()
  private var looked = false
  private var cpu = SystemClock.processCPU
  private var lookedAt: UInt64

  private static let intervalMilliseconds: UInt64 = 5000
  /// Soon: half of what is resident after the start was needed for that alone.
  private static let firstMilliseconds: UInt64 = 20
  /// Then models, sessions and whatever else a start asks for are there.
  private static let secondMilliseconds: UInt64 = 1000

  /// - Parameter running: requests under way in the whole process.
  public init(loop: EventLoop, running: @escaping () -> Int) {
    (self.loop, self.running) = (loop, running)
    lookedAt = loop.now
    let timer = LoopTimer(loop: loop) { [unowned self] in look() }
    timer.keepsLoopAlive(false)
    timer.start(after: Self.firstMilliseconds)
    self.timer = timer
  }

  public func close() {
    timer?.close()
    timer = nil
  }

  private func look() {
    if !looked { timer?.start(after: Self.secondMilliseconds, repeating: Self.intervalMilliseconds) }
    looked = true
    let used = SystemClock.processCPU
    // Of a second at least: the first look comes too soon to say more of a start than how little it took.
    let elapsed = max(loop.now - lookedAt, Self.secondMilliseconds)
    // A process that was restored may have less than before.
    let busy = Double(used > cpu ? used - cpu : 0) / Double(elapsed * 1_000_000)
    (cpu, lookedAt) = (used, loop.now)
    guard let resident = ProcessStatistics.resident, trim.isDue(residentBytes: resident, busy: busy, running: running()) else {
      return
    }
    ProcessMemory.release()
    trim.trimmed(residentBytes: ProcessStatistics.resident ?? resident)
    // Its own work is none of the process's.
    cpu = SystemClock.processCPU
  }
}

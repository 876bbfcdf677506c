import EventLoop

/// Watches how late a loop comes to its timers, and how much of its time it works.
public final class LoopMonitor {
  private let loop: EventLoop
  private lazy var timer = makeTimer()
  private var due: UInt64 = 0
  private var cpu: UInt64 = 0
  private var wall: UInt64 = 0
  /// In seconds.
  public private(set) var lag = 0.0
  /// 0 to 1, over the last second.
  public private(set) var busyRatio = 0.0

  private static let interval: UInt64 = 1_000_000_000

  public init(loop: EventLoop) { self.loop = loop }

  public func start() {
    (wall, cpu) = (SystemClock.monotonic, SystemClock.threadCPU)
    due = wall + Self.interval
    timer.start(after: 1000, repeating: 1000)
  }

  public func close() { timer.close() }

  private func makeTimer() -> LoopTimer {
    let timer = LoopTimer(loop: loop) { [weak self] in self?.look() }
    timer.keepsLoopAlive(false)
    return timer
  }

  private func look() {
    let (now, used) = (SystemClock.monotonic, SystemClock.threadCPU)
    lag = now > due ? Double(now - due) / 1e9 : 0
    busyRatio = now > wall ? min(1, Double(used &- cpu) / Double(now - wall)) : 0
    (wall, cpu, due) = (now, used, now + Self.interval)
  }
}

import CUV

/// When a loop puts off looking for events for a moment: while it is woken often, and the delay makes the same work cheaper.
///
/// To fall asleep and be woken costs more than what one event asks for, and a piece that is sent alone wakes its receiver as well. Above
/// some rate a short delay costs less than it saves: events gather, and the pieces of one stream leave in one write. Network cards do
/// the same ("interrupt moderation"), and for epoll it was proposed as a minimum wait.
///
/// Whether it is worth it depends on who sends what, so it is tried and measured: delays go on only while they save CPU and slow nothing
/// down (one client, say, that asks for something short again and again would wait for every one of them). They hide the rate that led to
/// them; so after some there is none for the length of a sample, and it is decided anew. After a failed trial there is none for longer,
/// each time twice as long.
struct WakeupModeration {
  struct Reading {
    /// Nanoseconds on the monotonic clock that the loop's own milliseconds are of.
    var time: UInt64
    /// Nanoseconds of the loop's CPU time.
    var cpu: UInt64
    /// What the loop has achieved so far, as bytes sent.
    var progress: Int
  }

  /// What is asked for; the kernel adds what it takes to fall asleep and to be woken.
  static let delayNanoseconds = 25_000
  /// So many turns are looked at together.
  static let sampledTurns = 512
  /// If they take less than this, which is more than 16,000 turns a second, delays are tried.
  static let sampleNanoseconds: UInt64 = 32_000_000
  /// With delays a sample is over after this time as well, so that they end with the load.
  static let longestSampleNanoseconds: UInt64 = 128_000_000
  /// They go on while at least this share of the progress in a time remains, …
  static let leastSpeed = 0.9
  /// … and at most this share of the CPU time for it.
  static let greatestCost = 0.9
  /// So many samples with delays follow one another.
  static let samples = 15
  /// So many without follow a failed trial, twice as many the next, and so on up to the longest.
  static let shortestBackOff = 15, longestBackOff = 240

  private struct Pace {
    /// Progress a nanosecond.
    var speed: Double
    /// Nanoseconds of CPU for it.
    var cost: Double

    init(from: Reading, to: Reading) {
      let progress = Double(to.progress - from.progress)
      speed = progress / Double(max(1, to.time &- from.time))
      cost = Double(to.cpu &- from.cpu) / progress
    }
  }

  private enum Phase {
    /// No delays. → `delaying`
    case watching
    /// With so many samples to come, this one included; how it went without. → `watching`, `leftAlone`
    case delaying(Int, without: Pace)
    /// They were of no use. → `watching`
    case leftAlone
  }

  private var phase = Phase.watching
  private var turnsLeft = 0
  /// When the sample began.
  private var last = Reading(time: 0, cpu: 0, progress: 0)
  /// In samples, after the next failed trial.
  private var backOff = shortestBackOff

  var isDelaying: Bool { if case .delaying = phase { true } else { false } }

  /// A turn passes; only the first of a sample reads the clocks, and only one with a delay the time.
  /// - Parameter now: milliseconds, the loop's own: as of some moment of the turn.
  @inline(__always) mutating func turn(_ now: @autoclosure () -> UInt64, _ read: () -> Reading) {
    if turnsLeft == 0 || isDelaying && now() * 1_000_000 > last.time + Self.longestSampleNanoseconds { decide(read()) }
    turnsLeft -= 1
  }

  @inline(never) private mutating func decide(_ now: Reading) {
    let isFast = now.time &- last.time < Self.sampleNanoseconds
    phase = next(isFast, Pace(from: last, to: now))
    last = now
    turnsLeft = Self.sampledTurns
    switch phase {
    case .watching: break
    case .delaying(let samples, _): if samples < Self.samples { backOff = Self.shortestBackOff }
    case .leftAlone:
      turnsLeft *= backOff
      backOff = min(2 * backOff, Self.longestBackOff)
    }
  }

  private func next(_ isFast: Bool, _ pace: Pace) -> Phase {
    switch phase {
    case .watching: return isFast && pace.speed > 0 ? .delaying(Self.samples, without: pace) : .watching
    case .delaying(let samples, let without):
      let isOfUse = pace.speed >= Self.leastSpeed * without.speed && pace.cost <= Self.greatestCost * without.cost
      guard isOfUse else { return .leftAlone }
      return samples > 1 ? .delaying(samples - 1, without: without) : .watching
    case .leftAlone: return .watching
    }
  }
}

/// Carries it out: libuv calls it whenever it is about to look for events.
final class WakeupModerator: LoopHandle {
  @exclusivity(unchecked) private var moderation = WakeupModeration()
  private let progress: () -> Int
  /// Since the loop was made.
  private(set) var delays = 0

  init(loop: EventLoop, progress: @escaping () -> Int) {
    self.progress = progress
    super.init(loop: loop, uv_prepare_t.self)
    let prepare = memory.assumingMemoryBound(to: uv_prepare_t.self)
    UVError.mustSucceed(uv_prepare_init(loop.uv, prepare), "uv_prepare_init")
    didOpen()
    uv_unref(handle)
    UVError.mustSucceed(uv_prepare_start(prepare, willPoll), "uv_prepare_start")
  }

  fileprivate func loopWillPoll() {
    moderation.turn(loop.now) { .init(time: SystemClock.monotonic, cpu: SystemClock.threadCPU, progress: progress()) }
    // 0: something is left to do, or libuv has yet to tell the kernel what to watch.
    guard moderation.isDelaying, uv_backend_timeout(loop.uv) != 0 else { return }
    // A thread's own; it keeps a sleep from taking up to 50 µs more.
    if delays == 0 { cuv_set_timer_slack(1000) }
    delays += 1
    cuv_sleep(WakeupModeration.delayNanoseconds)
  }
}

private func willPoll(_ prepare: UnsafeMutablePointer<uv_prepare_t>?) {
  // libuv's own share keeps the handle alive until its close callback.
  Unmanaged<WakeupModerator>.fromOpaque(prepare!.pointee.data)._withUnsafeGuaranteedRef { $0.loopWillPoll() }
}

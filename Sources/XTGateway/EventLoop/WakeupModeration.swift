import CUV

/// When a loop rests a moment before it looks for events: while it is woken often, and resting makes the same work cheaper.
///
/// To fall asleep and be woken costs more than what one event asks for, and a piece that is sent alone wakes its receiver as well. Above
/// some rate a short rest costs less than it saves: events gather, and the pieces of one stream leave in one write. Network cards do
/// the same ("interrupt moderation"), and for epoll it was proposed as a "min-wait".
///
/// Whether it is worth it depends on who sends what, so it is tried and measured: rests go on only while they save CPU and slow nothing
/// down (one client, say, that asks for something short again and again would wait for every one of them). They hide the rate that led to
/// them; so after some there is none for the length of a sample, and it is decided anew.
struct WakeupModeration {
  struct Reading {
    /// Nanoseconds on a monotonic clock.
    var time: UInt64
    /// Nanoseconds of the loop's CPU time.
    var cpu: UInt64
    /// What the loop has achieved so far, as bytes sent.
    var progress: Int
  }

  /// The longest that anything waits for it.
  static let restNanoseconds = 25_000
  /// So many turns are looked at together.
  static let sampledTurns = 512
  /// If they take less than this, which is more than 16,000 turns a second, rests are tried.
  static let sampleNanoseconds: UInt64 = 32_000_000
  /// They go on while at least this share of the progress in a time remains, …
  static let leastSpeed = 0.7
  /// … and at most this share of the CPU time for it.
  static let greatestCost = 0.9
  /// So many samples with rests follow one another; after a failed trial so many without.
  static let samples = 15

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
    /// No rests. → `resting`
    case watching
    /// With so many samples to come, this one included; how it went without. → `watching`, `leftAlone`
    case resting(Int, without: Pace)
    /// They were of no use. → `watching`
    case leftAlone
  }

  private var phase = Phase.watching
  private(set) var isResting = false
  private var turnsLeft = 0
  private var last = Reading(time: 0, cpu: 0, progress: 0)

  /// A turn passes; only the first of a sample asks for anything.
  mutating func turn(_ read: () -> Reading) {
    if turnsLeft == 0 { decide(read()) }
    turnsLeft -= 1
  }

  private mutating func decide(_ now: Reading) {
    let isFast = now.time &- last.time < Self.sampleNanoseconds
    let pace = Pace(from: last, to: now)
    last = now
    phase = next(isFast, pace)
    turnsLeft = Self.sampledTurns
    isResting = false
    switch phase {
    case .watching: break
    case .resting: isResting = true
    case .leftAlone: turnsLeft *= Self.samples
    }
  }

  private func next(_ isFast: Bool, _ pace: Pace) -> Phase {
    switch phase {
    case .watching: return isFast && pace.speed > 0 ? .resting(Self.samples, without: pace) : .watching
    case .resting(let samples, let without):
      let isOfUse = pace.speed >= Self.leastSpeed * without.speed && pace.cost <= Self.greatestCost * without.cost
      guard isOfUse else { return .leftAlone }
      return samples > 1 ? .resting(samples - 1, without: without) : .watching
    case .leftAlone: return .watching
    }
  }
}

/// Carries it out: libuv calls it whenever it is about to look for events.
final class WakeupModerator: LoopHandle {
  @exclusivity(unchecked) private var moderation = WakeupModeration()
  private let progress: () -> Int
  /// Since the loop was made; for tests.
  private(set) var rests = 0

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
    moderation.turn { .init(time: SystemClock.monotonic, cpu: SystemClock.threadCPU, progress: progress()) }
    // Where something is left to do at once, the loop does not sleep either.
    guard moderation.isResting, uv_backend_timeout(loop.uv) != 0 else { return }
    rests += 1
    cuv_rest(WakeupModeration.restNanoseconds)
  }
}

private func willPoll(_ prepare: UnsafeMutablePointer<uv_prepare_t>?) {
  // libuv's own share keeps the handle alive until its close callback.
  Unmanaged<WakeupModerator>.fromOpaque(prepare!.pointee.data)._withUnsafeGuaranteedRef { $0.loopWillPoll() }
}

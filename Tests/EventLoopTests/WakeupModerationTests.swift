import CUV
import Testing

@testable import EventLoop

/// What turns cost, and what they bring, with a delay in front of them and without. Microseconds.
private struct Load {
  var turn: Double, cpu: Double, progress: Int
  var delayedTurn: Double, delayedCPU: Double, delayedProgress: Int

  /// Twice as much in a turn, for a little more: events gather.
  static let gathering = Load(turn: 20, cpu: 12, progress: 100, delayedTurn: 40, delayedCPU: 16, delayedProgress: 200)
  /// The same, but a little slower.
  static let slightlySlower = Load(turn: 20, cpu: 12, progress: 100, delayedTurn: 43, delayedCPU: 16, delayedProgress: 200)
  /// Cheaper, but slower.
  static let slower = Load(turn: 20, cpu: 12, progress: 100, delayedTurn: 46, delayedCPU: 12, delayedProgress: 200)
  /// One client that asks again when it has its answer.
  static let takingTurns = Load(turn: 20, cpu: 12, progress: 100, delayedTurn: 50, delayedCPU: 12, delayedProgress: 100)
  /// As much in the same time, at the same price.
  static let indifferent = Load(turn: 20, cpu: 12, progress: 100, delayedTurn: 40, delayedCPU: 24, delayedProgress: 200)
  static let slow = Load(turn: 100, cpu: 12, progress: 100, delayedTurn: 120, delayedCPU: 8, delayedProgress: 120)
  static let silent = Load(turn: 20, cpu: 12, progress: 0, delayedTurn: 40, delayedCPU: 8, delayedProgress: 0)
  /// Next to nothing happens any more.
  static let quiet = Load(turn: 50_000, cpu: 12, progress: 100, delayedTurn: 50_030, delayedCPU: 12, delayedProgress: 100)
}

private struct Run {
  var moderation = WakeupModeration()
  var time = 5e6, cpu = 1e3, progress = 0, readings = 0

  /// - Returns: how many of the turns had a delay in front of them.
  mutating func turns(_ count: Int, _ load: Load) -> Int {
    var delays = 0
    for _ in 0..<count {
      moderation.turn(UInt64(time / 1000)) {
        readings += 1
        return .init(time: UInt64(time * 1000), cpu: UInt64(cpu * 1000), progress: progress)
      }
      if moderation.isDelaying { delays += 1 }
      time += moderation.isDelaying ? load.delayedTurn : load.turn
      cpu += moderation.isDelaying ? load.delayedCPU : load.cpu
      progress += moderation.isDelaying ? load.delayedProgress : load.progress
    }
    return delays
  }
}

@Suite struct WakeupModerationTests {
  private static let many = 2000 * WakeupModeration.sampledTurns

  @Test(arguments: [Load.gathering, .slightlySlower]) fileprivate func aLoopWaitsWhereThatMakesTheSameWorkCheaper(_ load: Load) {
    var run = Run()
    let delays = run.turns(Self.many, load)
    #expect(delays > Self.many * 9 / 10)
    // It looks again and again whether it still should.
    #expect(delays < Self.many)
  }

  @Test(arguments: [Load.slow, .silent]) fileprivate func aLoopThatIsSeldomWokenOrSendsNothingNeverWaits(_ load: Load) {
    var run = Run()
    #expect(run.turns(Self.many, load) == 0)
  }

  /// The time that trials take from others stays below two percent.
  @Test(arguments: [Load.takingTurns, .slower, .indifferent]) fileprivate func delaysOfNoUseAreTriedSeldom(_ load: Load) {
    var run = Run()
    let begin = run.time
    let delays = run.turns(Self.many, load)
    #expect(delays > 0)
    #expect(run.time - begin < 1.02 * Double(Self.many) * load.turn)
    // A load that gains by it is noticed afterwards.
    #expect(run.turns(Self.many, .gathering) > Self.many * 8 / 10)
  }

  @Test func delaysEndWithTheLoad() {
    var run = Run()
    _ = run.turns(Self.many, .gathering)
    #expect(run.turns(Self.many, .slow) <= WakeupModeration.sampledTurns)
    // And begin with it.
    #expect(run.turns(Self.many, .gathering) > Self.many * 8 / 10)
  }

  @Test func delaysEndSoonWhereNothingHappensAnyMore() {
    for turns in [0, 1, 100, 511, 700] {
      var run = Run()
      _ = run.turns(Self.many + turns, .gathering)
      #expect(run.turns(1000, .quiet) <= 4)
    }
  }

  @Test func theClocksAreReadOnceASample() {
    var run = Run()
    _ = run.turns(100 * WakeupModeration.sampledTurns, .slow)
    #expect(run.readings == 100)
  }

  /// `withLoop` fails if it never does.
  @Test func aLoopThatIsAlwaysWokenWaits() throws {
    try withLoop { loop in
      var ends: [Int32] = [0, 0]
      #expect(pipe(&ends) == 0)
      defer { for end in ends { close(end) } }
      #expect(write(ends[1], "x", 1) == 1)
      var progress = 0
      loop.moderateWakeups { progress }
      let counter = Counter {
        progress += 1
        if loop.moderator!.delays == 3 { loop.stop() }
      }
      let poll = try PollHandle(loop: loop, fileDescriptor: ends[0], delegate: counter)
      poll.watch(.readable)
      loop.run()
      #expect(progress >= WakeupModeration.sampledTurns)
      poll.close()
    }
  }

  @Test func nothingIsHeldByIt() throws {
    weak var held: Held?
    try withLoop { loop in
      let object = Held()
      held = object
      loop.moderateWakeups { object.progress }
      // Ends, since the handle does not keep the loop alive.
      loop.run()
    }
    #expect(held == nil)
  }
}

private final class Held { let progress = 0 }

private final class Counter: PollHandleDelegate {
  private let body: () -> Void
  init(_ body: @escaping () -> Void) { self.body = body }
  func isReady(_ events: PollHandle.Events, _ failed: Bool) { body() }
}

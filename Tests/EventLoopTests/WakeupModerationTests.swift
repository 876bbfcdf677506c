import CUV
import Testing

@testable import EventLoop

/// What turns cost, and what they bring, with a rest in front of them and without. Microseconds.
private struct Load {
  var turn: Double, cpu: Double, progress: Int
  var restedTurn: Double, restedCPU: Double, restedProgress: Int

  /// Twice as much in a turn, for a little more: events gather.
  static let gathering = Load(turn: 20, cpu: 12, progress: 100, restedTurn: 40, restedCPU: 16, restedProgress: 200)
  /// One client that asks again when it has its answer.
  static let takingTurns = Load(turn: 20, cpu: 12, progress: 100, restedTurn: 50, restedCPU: 12, restedProgress: 100)
  /// As much in the same time, at the same price.
  static let indifferent = Load(turn: 20, cpu: 12, progress: 100, restedTurn: 40, restedCPU: 24, restedProgress: 200)
  static let slow = Load(turn: 100, cpu: 12, progress: 100, restedTurn: 120, restedCPU: 8, restedProgress: 120)
  static let silent = Load(turn: 20, cpu: 12, progress: 0, restedTurn: 40, restedCPU: 8, restedProgress: 0)
}

private struct Run {
  var moderation = WakeupModeration()
  var time = 5e6, cpu = 1e3, progress = 0, readings = 0

  /// How many of the turns had a rest in front of them.
  mutating func turns(_ count: Int, _ load: Load) -> Int {
    var rests = 0
    for _ in 0..<count {
      moderation.turn {
        readings += 1
        return .init(time: UInt64(time * 1000), cpu: UInt64(cpu * 1000), progress: progress)
      }
      if moderation.isResting { rests += 1 }
      time += moderation.isResting ? load.restedTurn : load.turn
      cpu += moderation.isResting ? load.restedCPU : load.cpu
      progress += moderation.isResting ? load.restedProgress : load.progress
    }
    return rests
  }
}

@Suite struct WakeupModerationTests {
  private static let many = 200 * WakeupModeration.sampledTurns

  @Test func aLoopRestsWhereThatMakesTheSameWorkCheaper() {
    var run = Run()
    let rests = run.turns(Self.many, .gathering)
    #expect(rests > Self.many * 9 / 10)
    // It looks again and again whether it still should.
    #expect(rests < Self.many)
  }

  @Test(arguments: [Load.slow, .silent]) fileprivate func aLoopThatIsSeldomWokenOrSendsNothingNeverRests(_ load: Load) {
    var run = Run()
    #expect(run.turns(Self.many, load) == 0)
  }

  @Test(arguments: [Load.takingTurns, .indifferent]) fileprivate func restsOfNoUseAreTriedSeldom(_ load: Load) {
    var run = Run()
    let rests = run.turns(Self.many, load)
    #expect(rests > 0)
    #expect(rests < Self.many / 15)
  }

  @Test func restsEndWithTheLoad() {
    var run = Run()
    _ = run.turns(Self.many, .gathering)
    #expect(run.turns(Self.many, .slow) <= WakeupModeration.sampledTurns)
    #expect(run.turns(Self.many, .slow) == 0)
    // And begin with it.
    #expect(run.turns(Self.many, .gathering) > Self.many * 8 / 10)
  }

  @Test func theClocksAreReadOnceASample() {
    var run = Run()
    _ = run.turns(100 * WakeupModeration.sampledTurns, .slow)
    #expect(run.readings == 100)
  }

  @Test func aLoopThatIsAlwaysWokenRests() throws {
    try withLoop { loop in
      var ends: [Int32] = [0, 0]
      #expect(pipe(&ends) == 0)
      defer { for end in ends { close(end) } }
      #expect(write(ends[1], "x", 1) == 1)
      var progress = 0
      loop.moderateWakeups { progress }
      let counter = Counter {
        progress += 1
        if loop.moderator!.rests > 0 { loop.stop() }
      }
      let poll = try PollHandle(loop: loop, fileDescriptor: ends[0], delegate: counter)
      poll.watch(.readable)
      loop.run()
      #expect(loop.moderator!.rests > 0)
      #expect(progress >= WakeupModeration.sampledTurns - 1)
      poll.close()
    }
  }

  @Test func nothingIsHeldByIt() throws {
    try withLoop { loop in
      loop.moderateWakeups { 0 }
      loop.run()
      #expect(loop.moderator?.rests == 0)
    }
  }
}

private final class Counter: PollHandleDelegate {
  private let body: () -> Void
  init(_ body: @escaping () -> Void) { self.body = body }
  func isReady(_ events: PollHandle.Events, _ failed: Bool) { body() }
}

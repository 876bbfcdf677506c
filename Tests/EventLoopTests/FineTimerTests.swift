import Testing

@testable import EventLoop

@Suite struct FineTimerTests {
  @Test func firesInOrderAndNeverEarly() throws {
    try withLoop { loop in
      let clock = ContinuousClock()
      let begun = clock.now
      var fired: [String] = []
      var elapsed = Duration.zero
      var timers: [FineTimer] = []
      func add(_ name: String, after microseconds: UInt64) throws {
        timers.append(
          try FineTimer(loop: loop) {
            fired.append(name)
            elapsed = clock.now - begun
            if fired.count == 3 { for timer in timers { timer.close() } }
          })
        timers.last!.start(after: microseconds)
      }
      try add("late", after: 20_300)
      try add("soon", after: 300)
      try add("at once", after: 0)
      loop.run()
      #expect(fired == ["at once", "soon", "late"])
      #expect(elapsed >= .microseconds(20_300))
    }
  }

  @Test func startingAgainRestarts() throws {
    try withLoop { loop in
      var count = 0
      var timer: FineTimer?
      timer = try FineTimer(loop: loop) {
        count += 1
        if count == 3 { timer!.close() } else { timer!.start(after: 0) }
      }
      timer!.start(after: 10_000_000)
      timer!.start(after: 100)
      loop.run()
      #expect(count == 3)
      timer!.start(after: 0)
      timer = nil
    }
  }
}

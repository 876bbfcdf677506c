import Testing

@testable import EventLoop

@Suite struct FineTimerTests {
  @Test func firesOnceAndNeverEarly() throws {
    try withLoop { loop in
      let clock = ContinuousClock()
      let delays: [UInt64] = [20_300, 300, 0]
      // Which of them is first is for the machine to say where it was held up.
      var elapsed: [UInt64: Duration] = [:]
      var timers: [FineTimer] = []
      for delay in delays {
        let begun = clock.now
        let timer = try FineTimer(loop: loop) {
          #expect(elapsed[delay] == nil)
          elapsed[delay] = clock.now - begun
          if elapsed.count == delays.count { for timer in timers { timer.close() } }
        }
        timers.append(timer)
        timer.start(after: delay)
      }
      loop.run()
      for delay in delays { #expect(elapsed[delay].map { $0 >= .microseconds(Int(delay)) } == true) }
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

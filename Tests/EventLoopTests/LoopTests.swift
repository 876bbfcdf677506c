import CUV
import Glibc
import Testing

@testable import EventLoop

@Suite struct LoopTests {
  @Test func runReturnsWhenNothingIsLeft() throws { try withLoop { $0.run() } }

  @Test func timersFireInOrderAndZeroIsTheNextTurn() throws {
    try withLoop { loop in
      var order: [String] = []
      let late = LoopTimer(loop: loop) { order.append("late") }
      let soon = LoopTimer(loop: loop) { order.append("soon") }
      late.start(after: 20)
      soon.start(after: 0)
      order.append("started")
      loop.run()
      #expect(order == ["started", "soon", "late"])
      late.close()
      soon.close()
    }
  }

  @Test func repeatingTimerStopsItself() throws {
    try withLoop { loop in
      var count = 0
      var timer: LoopTimer?
      timer = LoopTimer(loop: loop) {
        count += 1
        #expect(timer!.isActive)
        if count == 3 { timer!.stop() }
      }
      timer!.start(after: 1, repeating: 1)
      loop.run()
      #expect(count == 3)
      #expect(!timer!.isActive)
      timer!.close()
      timer = nil
    }
  }

  @Test func timerClosedInItsCallbackIsFreed() throws {
    weak var freed: LoopTimer?
    try withLoop { loop in
      var timer: LoopTimer? = LoopTimer(loop: loop) {}
      timer!.close()
      var count = 0
      timer = LoopTimer(loop: loop) {
        count += 1
        timer?.close()
        timer?.start(after: 0)
        timer = nil
      }
      freed = timer
      timer!.start(after: 0, repeating: 1)
      loop.run()
      #expect(count == 1)
    }
    #expect(freed == nil)
  }

  @Test func aHandleIsUsedAgainAsIfItWereNew() throws {
    try withLoop { loop in
      var fired: [String] = []
      let first = LoopTimer(loop: loop) { fired.append("first") }
      first.keepsLoopAlive(false)
      first.start(after: 0, repeating: 1)
      first.close()
      let second = LoopTimer(loop: loop) { fired.append("second") }
      #expect(loop.timers.free.count == 0 && !second.isActive)
      // What has a new owner is nothing to the old one any more.
      first.start(after: 0)
      first.stop()
      first.keepsLoopAlive(false)
      first.close()
      #expect(!first.isActive && !second.isActive)
      second.start(after: 1)
      loop.run()
      #expect(fired == ["second"])
      second.close()
      #expect(loop.timers.free.count == 1)
    }
  }

  @Test func aTimerClosesAnotherThatIsDueAsWell() throws {
    try withLoop { loop in
      var fired: [Int] = []
      var timers: [LoopTimer] = []
      for number in 0..<3 {
        timers.append(
          LoopTimer(loop: loop) {
            fired.append(number)
            for timer in timers { timer.close() }
            // It takes over the handle of one that was due.
            let next = LoopTimer(loop: loop) { fired.append(9) }
            next.start(after: 5)
            timers = [next]
          })
      }
      for timer in timers { timer.start(after: 1) }
      loop.run()
      #expect(fired == [0, 9])
      for timer in timers { timer.close() }
    }
  }

  @Test func onlySoManyHandlesAreKept() throws {
    try withLoop { loop in
      let timers = (0..<TimerHandles.maxCount + 10).map { _ in LoopTimer(loop: loop) {} }
      for timer in timers { timer.close() }
      #expect(loop.timers.free.count == TimerHandles.maxCount)
    }
  }

  @Test func timerThatDoesNotKeepTheLoopAlive() throws {
    try withLoop { loop in
      var fired = false
      let timer = LoopTimer(loop: loop) { fired = true }
      timer.keepsLoopAlive(false)
      timer.start(after: 10)
      loop.run()
      #expect(!fired)
      timer.close()
    }
  }

  @Test func deferredWorkRunsAfterTheCallbackInOrder() throws {
    try withLoop { loop in
      var order: [String] = []
      let first = LoopTimer(loop: loop) {
        loop.enqueue(
          Work {
            order.append("a")
            loop.enqueue(Work { order.append("c") })
          })
        loop.enqueue(Work { order.append("b") })
        order.append("callback")
      }
      let second = LoopTimer(loop: loop) { order.append("next callback") }
      first.start(after: 0)
      second.start(after: 0)
      loop.run()
      #expect(order == ["callback", "a", "b", "c", "next callback"])
      first.close()
      second.close()
    }
  }

  @Test func nestedCallbacksDoNotDrainEarly() throws {
    try withLoop { loop in
      var order: [String] = []
      loop.enter()
      loop.enqueue(Work { order.append("work") })
      loop.enter()
      loop.leave()
      order.append("outer")
      loop.leave()
      #expect(order == ["outer", "work"])
    }
  }

  @Test func workOutsideOfCallbacksRunsWithTheLoop() throws {
    try withLoop { loop in
      var count = 0
      loop.enqueue(Work { count += 1 })
      #expect(count == 0)
      loop.run()
      #expect(count == 1)
    }
  }

  @Test func signalsArriveAndDoNotKeepTheLoopAlive() throws {
    try withLoop { loop in
      var count = 0
      let handler = try SignalHandle(loop: loop, signal: SIGWINCH) {
        count += 1
        loop.stop()
      }
      loop.run()
      #expect(count == 0)
      let waiting = LoopTimer(loop: loop) {}
      waiting.start(after: 15000)
      kill(getpid(), SIGWINCH)
      loop.run()
      #expect(count == 1)
      handler.close()
      waiting.close()
    }
  }

  @Test func impossibleSignalIsAnErrorAndLeavesNothingOpen() throws {
    try withLoop { loop in
      #expect(throws: UVError(UV_EINVAL)) { try SignalHandle(loop: loop, signal: SIGKILL) {} }
    }
  }

  @Test func errorsHaveNameAndWords() {
    #expect(UVError(UV_EADDRINUSE).name == "EADDRINUSE")
    #expect(UVError(UV_EADDRINUSE).description == "EADDRINUSE: address already in use")
    #expect(UVError(code: -99999).description.contains("Unknown system error"))
  }
}

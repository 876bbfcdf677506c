import Testing

@testable import Gateway

@Suite("The end, over all loops") struct ShutdownTests {
  private func draining(_ workers: Int) -> Shutdown {
    var shutdown = Shutdown(workers: workers)
    #expect(shutdown.signal(budgetMilliseconds: 30_000) == [.startTimer(milliseconds: 30_000), .tell(.drain)])
    return shutdown
  }

  @Test func oneLoop() {
    var shutdown = draining(1)
    #expect(shutdown.received(.idle(worker: 0, true)) == [.tell(.finishDrain)])
    #expect(shutdown.received(.drained(worker: 0)) == [.closeStore, .tell(.settle)])
    #expect(shutdown.received(.settled(worker: 0)) == [.deleteAll])
    #expect(shutdown.deleted() == [.tell(.stop)])
    #expect(shutdown.phase == .stopped)
  }

  /// Idle connections of one loop stay open as long as another has something in flight.
  @Test func allWaitForTheLast() {
    var shutdown = draining(3)
    #expect(shutdown.received(.idle(worker: 0, true)) == [])
    #expect(shutdown.received(.idle(worker: 2, true)) == [])
    // A request came on an open connection.
    #expect(shutdown.received(.idle(worker: 0, false)) == [])
    #expect(shutdown.received(.idle(worker: 1, true)) == [])
    #expect(shutdown.received(.idle(worker: 0, true)) == [.tell(.finishDrain)])
    #expect(shutdown.received(.drained(worker: 2)) == [])
    #expect(shutdown.received(.drained(worker: 0)) == [])
    #expect(shutdown.received(.drained(worker: 1)) == [.closeStore, .tell(.settle)])
    // Nothing is deleted before the last session that is being made is known.
    #expect(shutdown.received(.settled(worker: 1)) == [])
    #expect(shutdown.received(.settled(worker: 0)) == [])
    #expect(shutdown.received(.settled(worker: 2)) == [.deleteAll])
  }

  @Test func theBudgetIsSpent() {
    var shutdown = draining(2)
    #expect(shutdown.timerFired() == [.tell(.cutOff), .startTimer(milliseconds: 250)])
    #expect(shutdown.timerFired() == [.closeStore, .tell(.settle), .startTimer(milliseconds: 2000)])
    // The servers come to their end afterwards.
    #expect(shutdown.received(.idle(worker: 0, true)) + shutdown.received(.idle(worker: 1, true)) == [])
    #expect(shutdown.received(.drained(worker: 0)) + shutdown.received(.drained(worker: 1)) == [])
    #expect(shutdown.received(.settled(worker: 0)) + shutdown.received(.settled(worker: 1)) == [.deleteAll])
    #expect(shutdown.timerFired() == [.giveUp, .tell(.stop)])
    #expect(shutdown.deleted() == [] && shutdown.timerFired() == [])
  }

  @Test func whatWasCutOffIsSoonGone() {
    var shutdown = draining(2)
    _ = shutdown.timerFired()
    #expect(shutdown.received(.drained(worker: 0)) == [])
    #expect(shutdown.received(.drained(worker: 1)) == [.closeStore, .tell(.settle), .startTimer(milliseconds: 2000)])
  }

  /// A loop that never answers holds nothing up for good; and what is left upstream has a moment, even at the end of the budget.
  @Test func aLoopThatIsSilent() {
    var shutdown = draining(2)
    for worker in 0..<2 { _ = shutdown.received(.drained(worker: worker)) }
    _ = shutdown.received(.settled(worker: 0))
    #expect(shutdown.phase == .settling)
    #expect(shutdown.timerFired() == [.startTimer(milliseconds: 2000)])
    #expect(shutdown.timerFired() == [.giveUp, .tell(.stop)])
  }

  @Test func nothingHappensBeforeTheSignal() {
    var shutdown = Shutdown(workers: 2)
    #expect(shutdown.timerFired() == [] && shutdown.deleted() == [])
    #expect(shutdown.received(.idle(worker: 0, true)) == [])
    #expect(shutdown.phase == .serving)
  }
}

import Testing

@testable import Gateway

@Suite("The clocks of an exchange") struct ExchangeClockTests {
  private func clock(keepAlives: Bool = false, now: UInt64 = 1000) -> ExchangeClock {
    ExchangeClock(
      limits: .init(queue: 300, firstByte: 600, idle: 1200, total: 60_000, keepAlive: 100), now: now, sendsKeepAlives: keepAlives)
  }

  /// Looks just before and at the moment the clock names.
  private func next(_ clock: inout ExchangeClock) -> (at: UInt64, due: ExchangeClock.Due?) {
    let at = clock.next
    #expect(clock.due(at - 1) == nil)
    return (at, clock.due(at))
  }

  @Test func theTotalCountsFromTheStart() {
    var clock = clock()
    #expect(next(&clock) == (61_000, .timeout(.end)))
  }

  @Test func theQueueOnlyWhileWaiting() {
    var clock = clock()
    clock.queued(1500)
    #expect(next(&clock) == (1800, .queue))
    clock.leased()
    #expect(next(&clock) == (61_000, .timeout(.end)))
  }

  @Test func theFirstByteThenSilence() {
    var clock = clock()
    clock.sent(2000)
    #expect(next(&clock) == (2600, .timeout(.firstByte)))
    clock.heard(2500)
    #expect(next(&clock) == (3700, .timeout(.nextByte)))
    clock.heard(3600)
    #expect(next(&clock) == (4800, .timeout(.nextByte)))
  }

  @Test func aSecondSendingWaitsForAFirstByteAgain() {
    var clock = clock()
    clock.sent(2000)
    clock.heard(2100)
    clock.sent(2200)
    #expect(next(&clock) == (2800, .timeout(.firstByte)))
  }

  @Test func silenceDuringAPauseIsTheClients() {
    var clock = clock(keepAlives: true)
    clock.sent(1000)
    clock.heard(1010)
    clock.paused(1020, true)
    #expect(clock.next == 61_000)
    #expect(clock.due(50_000) == nil)
    clock.paused(50_000, false)
    #expect(next(&clock) == (50_100, .keepAlive))
    #expect(clock.due(51_200) == .timeout(.nextByte))
  }

  @Test func theEndOfAPauseDoesNotReplaceTheFirstByte() {
    var clock = clock()
    clock.sent(1000)
    clock.paused(1100, false)
    #expect(next(&clock) == (1600, .timeout(.firstByte)))
  }

  @Test func keepAlivesInSilenceOnly() {
    var clock = clock(keepAlives: true)
    #expect(next(&clock) == (1100, .keepAlive))
    #expect(next(&clock) == (1200, .keepAlive))
    clock.spoke(1250)
    #expect(next(&clock) == (1350, .keepAlive))
    var quiet = self.clock()
    #expect(quiet.due(5000) == nil)
  }

  @Test func theEndBehindTheRecord() {
    var clock = clock()
    clock.sent(1000)
    clock.heard(5000)
    clock.recorded(5000)
    #expect(next(&clock) == (6000, .grace))
    clock.paused(5000, true)
    #expect(next(&clock) == (6000, .grace))
  }

  /// Whatever happened, nothing is due before the moment the clock names, and something is at it.
  @Test func theNamedMomentIsRight() {
    var random = SeededGenerator.seeded("clock")
    for _ in 0..<500 {
      var clock = clock(keepAlives: Bool.random(using: &random))
      var now: UInt64 = 1000
      for _ in 0..<Int.random(in: 0...8, using: &random) {
        now += UInt64.random(in: 0...200, using: &random)
        switch Int.random(in: 0..<8, using: &random) {
        case 0: clock.queued(now)
        case 1: clock.leased()
        case 2: clock.sent(now)
        case 3: clock.heard(now)
        case 4: clock.spoke(now)
        case 5: clock.recorded(now)
        case 6: clock.paused(now, true)
        default: clock.paused(now, false)
        }
      }
      let at = clock.next
      #expect(clock.due(at - 1) == nil)
      #expect(clock.due(at) != nil)
    }
  }
}

import Testing

@testable import Gateway

@Suite("Limits of a key") struct KeyLimiterTests {
  @Test func withoutLimits() {
    var limiter = KeyLimiter(.init(concurrency: 0, perMinute: 0), now: 0)
    for _ in 0..<1000 {
      let refusal = limiter.begin(0)
      #expect(refusal == nil)
    }
    let status = limiter.status(0)
    #expect(status == nil)
  }

  @Test func atATime() {
    var limiter = KeyLimiter(.init(concurrency: 2, perMinute: 0), now: 0)
    let begun = (0..<3).map { _ in limiter.begin(0) }
    #expect(begun == [nil, nil, .tooMany(atATime: 2)])
    limiter.end()
    let again = limiter.begin(0)
    #expect(again == nil)
  }

  @Test func aMinute() {
    var limiter = KeyLimiter(.init(concurrency: 0, perMinute: 4), now: 1000)
    let burst = (0..<5).map { _ in limiter.begin(1000) }
    #expect(burst == [nil, nil, nil, nil, .tooOften(perMinute: 4, retryAfterSeconds: 15)])
    let early = limiter.begin(15_999)
    #expect(early == .tooOften(perMinute: 4, retryAfterSeconds: 1))
    let due = limiter.begin(16_000)
    #expect(due == nil)
    let status = limiter.status(16_000)
    #expect(status == .init(limit: 4, remaining: 0, resetMilliseconds: 60_000))
    let full = limiter.status(1_000_000)
    #expect(full == .init(limit: 4, remaining: 4, resetMilliseconds: 0))
  }

  @Test func aRefusalCostsNothing() {
    var limiter = KeyLimiter(.init(concurrency: 1, perMinute: 2), now: 0)
    let begun = (0..<4).map { _ in limiter.begin(0) }
    #expect(begun == [nil, .tooMany(atATime: 1), .tooMany(atATime: 1), .tooMany(atATime: 1)])
    limiter.end()
    let again = limiter.begin(0)
    #expect(again == nil)
  }
}

@Suite("Models that ail") struct ModelHealthTests {
  @Test func restsDoubleAndSimultaneousFailuresCountOnce() {
    var health = ModelHealth(shortest: 100, longest: 350)
    #expect(health.coolsUntil("m", 0) == nil)
    for _ in 0..<5 { health.failed("m", 0) }
    #expect(health.coolsUntil("m", 0) == 100)
    #expect(health.coolsUntil("other", 0) == nil)
    #expect(health.coolsUntil("m", 100) == nil)
    health.failed("m", 100)
    #expect(health.coolsUntil("m", 100) == 300)
    health.failed("m", 300)
    #expect(health.coolsUntil("m", 300) == 650)
    health.succeeded("m")
    health.failed("m", 400)
    #expect(health.coolsUntil("m", 400) == 500)
  }
}

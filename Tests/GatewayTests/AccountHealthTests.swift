import Testing

@testable import Gateway

@Suite("Accounts out of service") struct AccountHealthTests {
  private func pool(_ count: Int, capacity: Int = 8, tokenEndsAt: UInt64? = nil) -> AccountPool {
    AccountPool(
      accounts: (0..<count).map {
        Account(name: "a\($0)", capacity: capacity, weight: 1, isEnabled: true, tokenEndsAt: tokenEndsAt)
      },
      limits: AccountPool.Limits(), breaker: Breaker.Limits(), seed: 1)
  }

  private func lease(_ pool: inout AccountPool, preferred: Int? = nil, now: UInt64) -> AccountPool.Admission {
    pool.lease(.init(ticket: pool.newTicket(), key: 0, preferred: preferred), now: now)
  }

  private func cooldown(_ account: Account, now: UInt64) -> UInt64? {
    if case .cooling(let until, .rateLimited) = account.condition { until - now } else { nil }
  }

  @Test func aRateLimitRestsTheAccount() throws {
    var pool = pool(2)
    #expect(lease(&pool, preferred: 0, now: 0) == .leased(0))
    _ = pool.release(0, .rateLimited(retryAfterMilliseconds: 7000, "slow down"), now: 100)
    #expect(cooldown(pool.accounts[0], now: 100) == 7000)
    #expect(pool.accounts[0].lastError == "slow down")
    #expect(lease(&pool, preferred: 0, now: 7099) == .leased(1))
    #expect(lease(&pool, preferred: 0, now: 7100) == .leased(0))
  }

  @Test func restsDoubleUntilASuccess() throws {
    var pool = pool(1)
    var now: UInt64 = 0
    for round in 0..<10 {
      #expect(lease(&pool, now: now) == .leased(0))
      _ = pool.release(0, .rateLimited(retryAfterMilliseconds: nil, "x"), now: now)
      let rest = try #require(cooldown(pool.accounts[0], now: now))
      let base = min(600_000, 5000 << UInt64(round))
      #expect(rest >= base * 4 / 5 && rest <= min(600_000, base * 6 / 5), "\(round): \(rest)")
      now += rest
    }
    #expect(lease(&pool, now: now) == .leased(0))
    _ = pool.release(0, .success, now: now)
    #expect(lease(&pool, now: now) == .leased(0))
    _ = pool.release(0, .rateLimited(retryAfterMilliseconds: nil, "x"), now: now)
    #expect(try #require(cooldown(pool.accounts[0], now: now)) <= 6000)
  }

  /// Eight requests that the upstream limits at the same time are one rate limit, not eight in a row.
  @Test func limitsAtTheSameTimeCountOnce() throws {
    var pool = pool(1)
    for _ in 0..<8 { #expect(lease(&pool, now: 0) == .leased(0)) }
    for _ in 0..<8 { _ = pool.release(0, .rateLimited(retryAfterMilliseconds: nil, "x"), now: 10) }
    #expect(try #require(cooldown(pool.accounts[0], now: 10)) <= 6000)
  }

  @Test func theLongerRestCounts() throws {
    var pool = pool(1)
    for _ in 0..<3 { #expect(lease(&pool, now: 0) == .leased(0)) }
    _ = pool.release(0, .rateLimited(retryAfterMilliseconds: 60_000, "x"), now: 0)
    _ = pool.release(0, .rateLimited(retryAfterMilliseconds: 1000, "x"), now: 0)
    #expect(cooldown(pool.accounts[0], now: 0) == 60_000)
    _ = pool.release(0, .rateLimited(retryAfterMilliseconds: 90_000, "x"), now: 0)
    #expect(cooldown(pool.accounts[0], now: 0) == 90_000)
  }

  /// What a request learned that began before must not bring a dead account back.
  @Test func theDeadStayDead() {
    for death in [LeaseOutcome.tokenInvalid("t"), .outOfCredits(milliseconds: 1_000_000, "c")] {
      var pool = pool(1)
      for _ in 0..<4 { #expect(lease(&pool, now: 0) == .leased(0)) }
      _ = pool.release(0, death, now: 0)
      let dead = pool.accounts[0].condition
      _ = pool.release(0, .rateLimited(retryAfterMilliseconds: 1000, "x"), now: 0)
      _ = pool.release(0, .upstreamFault("x"), now: 0)
      _ = pool.release(0, .success, now: 0)
      #expect(pool.accounts[0].condition == dead)
      #expect(lease(&pool, now: 2000) == .refused(.credentialsExhausted(pool.description(2000))))
    }
    var pool = pool(1)
    for _ in 0..<2 { #expect(lease(&pool, now: 0) == .leased(0)) }
    _ = pool.release(0, .tokenInvalid("t"), now: 0)
    _ = pool.release(0, .outOfCredits(milliseconds: 10, "c"), now: 0)
    #expect(pool.accounts[0].condition == .expired)
  }

  @Test func creditsComeBackByThemselves() {
    var pool = pool(1)
    #expect(lease(&pool, now: 0) == .leased(0))
    _ = pool.release(0, .outOfCredits(milliseconds: 1000, "c"), now: 0)
    #expect(lease(&pool, now: 1000) == .leased(0))
  }

  @Test func aTokenIsNotUsedUpToItsEnd() {
    var pool = pool(1, tokenEndsAt: 200_000)
    #expect(lease(&pool, now: 139_999) == .leased(0))
    #expect(lease(&pool, now: 140_000) == .refused(.credentialsExhausted(pool.description(140_000))))
    #expect(pool.accounts[0].condition == .expired)
    #expect(pool.setToken(0, endsAt: 900_000, now: 150_000).isEmpty)
    #expect(lease(&pool, now: 150_000) == .leased(0))
  }

  @Test func whoeverWaitsIsServedWhenAnAccountComesBack() {
    var pool = pool(1)
    #expect(lease(&pool, now: 0) == .leased(0))
    _ = pool.release(0, .rateLimited(retryAfterMilliseconds: 5000, "x"), now: 0)
    #expect(lease(&pool, now: 10) == .waiting)
    #expect(pool.nextTick == 5000)
    #expect(pool.tick(4999).isEmpty)
    #expect(pool.tick(5000) == [.init(ticket: 2, admission: .leased(0))])
    #expect(pool.nextTick == nil)
  }

  @Test func aRestLongerThanTheQueuesIsSaidAtOnce() {
    var pool = pool(1)
    #expect(lease(&pool, now: 0) == .leased(0))
    _ = pool.release(0, .rateLimited(retryAfterMilliseconds: 90_000, "x"), now: 0)
    guard case .refused(.rateLimited(let seconds, _)) = lease(&pool, now: 500) else {
      Issue.record("it waits for nothing")
      return
    }
    #expect(seconds == 90)
  }

  @Test func theOperatorsWord() {
    var pool = pool(2)
    #expect(pool.setEnabled(0, false, now: 0).isEmpty)
    #expect(lease(&pool, preferred: 0, now: 0) == .leased(1))
    #expect(pool.setEnabled(0, true, now: 0).isEmpty)
    #expect(lease(&pool, preferred: 0, now: 0) == .leased(0))
    _ = pool.release(0, .tokenInvalid("t"), now: 0)
    #expect(pool.accounts[0].stateName == "expired")
    #expect(pool.reset(0, now: 0).isEmpty)
    #expect(pool.accounts[0].stateName == "ready")
  }
}

@Suite("The breaker") struct BreakerTests {
  private func pool(_ count: Int) -> AccountPool {
    AccountPool(
      accounts: (0..<count).map { Account(name: "a\($0)", capacity: 4, weight: 1, isEnabled: true) }, limits: AccountPool.Limits(),
      breaker: Breaker.Limits(), seed: 1)
  }

  private func lease(_ pool: inout AccountPool, preferred: Int? = nil, now: UInt64) -> AccountPool.Admission {
    pool.lease(.init(ticket: pool.newTicket(), key: 0, preferred: preferred), now: now)
  }

  @Test func itOpensForDifferentAccountsWithinTheWindow() {
    var breaker = Breaker(limits: Breaker.Limits())
    let faults: [(account: Int, at: UInt64, opens: Bool)] = [
      (0, 0, false), (0, 1, false), (0, 2, false), (1, 3, false), (2, 4, true),
    ]
    for fault in faults {
      let opened = breaker.failed(account: fault.account, usable: 5, fault.at)
      #expect(opened == fault.opens)
    }
    var slow = Breaker(limits: Breaker.Limits())
    for (account, at) in [(0, 0), (1, 6000), (2, 10_000), (3, 16_000)] as [(Int, UInt64)] {
      let opened = slow.failed(account: account, usable: 5, at)
      #expect(!opened)
    }
    var few = Breaker(limits: Breaker.Limits())
    let first = few.failed(account: 0, usable: 2, 0)
    let second = few.failed(account: 1, usable: 2, 0)
    #expect(!first && second)
    var one = Breaker(limits: Breaker.Limits())
    for at in 0..<9 {
      let opened = one.failed(account: 0, usable: 1, UInt64(at))
      #expect(!opened, "one account alone says nothing of the upstream")
    }
  }

  @Test func aSingleProbeDecides() {
    var pool = pool(3)
    for account in 0..<3 { #expect(lease(&pool, preferred: account, now: 0) == .leased(account)) }
    for account in 0..<3 { _ = pool.release(account, .upstreamFault("x"), now: 10) }
    #expect(lease(&pool, now: 2000) == .refused(.upstreamUnavailable(retryAfterSeconds: 4)))
    guard case .leased(let probe) = lease(&pool, now: 5010) else {
      Issue.record("no probe")
      return
    }
    guard case .refused(.upstreamUnavailable) = lease(&pool, now: 5020) else {
      Issue.record("two probes at once")
      return
    }
    _ = pool.release(probe, .upstreamFault("x"), now: 5030)
    guard case .refused(.upstreamUnavailable) = lease(&pool, now: 5040) else {
      Issue.record("a failed probe closes the breaker")
      return
    }
    guard case .leased(let second) = lease(&pool, now: 10_030) else {
      Issue.record("no second probe")
      return
    }
    _ = pool.release(second, .success, now: 10_040)
    guard case .leased = lease(&pool, now: 10_050) else {
      Issue.record("a good probe does not close the breaker")
      return
    }
  }
}

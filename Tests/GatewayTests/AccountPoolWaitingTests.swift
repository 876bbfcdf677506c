import Testing

@testable import Gateway

@Suite("Waiting for an account") struct AccountPoolWaitingTests {
  private func pool(_ count: Int, capacity: Int = 1, tokenEndsAt: [UInt64?] = [], queueTimeout: UInt64 = 30_000) -> AccountPool {
    var limits = AccountPool.Limits()
    limits.queueTimeout = queueTimeout
    return AccountPool(
      accounts: (0..<count).map {
        Account(
          name: "a\($0)", capacity: capacity, weight: 1, isEnabled: true,
          tokenEndsAt: $0 < tokenEndsAt.count ? tokenEndsAt[$0] : nil)
      }, limits: limits, breaker: Breaker.Limits(), seed: 1)
  }

  private func lease(
    _ pool: inout AccountPool, key: Int = 0, preferred: Int? = nil, excluded: [Int] = [], now: UInt64
  ) -> AccountPool.Admission {
    pool.lease(.init(ticket: pool.newTicket(), key: key, preferred: preferred, excluded: excluded), now: now)
  }

  private func code(_ grant: AccountPool.Grant?) -> String? {
    if case .refused(let error) = grant?.admission { error.code } else { nil }
  }

  // MARK: Nothing to wait for

  @Test func whoWaitsForWhatWillNotComeHearsIt() {
    for (outcome, code) in [
      (.tokenInvalid("t"), "upstream_credentials_exhausted"),
      (.outOfCredits(milliseconds: 40_000_000, "c"), "upstream_credentials_exhausted"),
      (.rateLimited(retryAfterMilliseconds: 31_000, "r"), "upstream_rate_limited"),
    ] as [(LeaseOutcome, String)] {
      var pool = pool(1)
      #expect(lease(&pool, now: 0) == .leased(0))
      #expect(lease(&pool, now: 0) == .waiting)
      let grants = pool.release(0, outcome, now: 500)
      #expect(grants.map(\.ticket) == [2] && self.code(grants.first) == code)
      #expect(pool.waiting == 0)
    }
    // One that comes back in time is waited for, by those who have the time.
    var pool = pool(1)
    #expect(lease(&pool, now: 0) == .leased(0))
    #expect(lease(&pool, now: 0) == .waiting)
    #expect(lease(&pool, now: 20_000) == .waiting)
    let grants = pool.release(0, .rateLimited(retryAfterMilliseconds: 15_000, "r"), now: 20_000)
    #expect(grants.map(\.ticket) == [2])
    #expect(pool.tick(35_000) == [.init(ticket: 3, admission: .leased(0))])
  }

  @Test func theOperatorTakesTheLastOneAway() {
    let deeds: [(inout AccountPool) -> [AccountPool.Grant]] = [
      { $0.setEnabled(0, false, now: 1) }, { $0.drain(0, now: 1) }, { $0.expire(0, "t", now: 1) },
    ]
    for (deed, code) in zip(deeds, ["pool_unavailable", "no_cookies", "upstream_credentials_exhausted"]) {
      var pool = pool(1)
      #expect(lease(&pool, now: 0) == .leased(0))
      #expect(lease(&pool, now: 0) == .waiting)
      let grants = deed(&pool)
      #expect(grants.count == 1 && self.code(grants.first) == code)
      #expect(pool.release(0, .success, now: 2).isEmpty)
    }
  }

  @Test func whoHasTriedTheOthersWaitsForTheLast() {
    var pool = pool(2)
    #expect(lease(&pool, preferred: 0, now: 0) == .leased(0))
    #expect(lease(&pool, now: 0) == .leased(1))
    #expect(lease(&pool, excluded: [0], now: 0) == .waiting)
    #expect(pool.release(0, .success, now: 1).isEmpty, "the account that failed it is not offered again")
    let grants = pool.release(1, .tokenInvalid("t"), now: 2)
    #expect(grants.count == 1 && code(grants.first) == "upstream_credentials_exhausted")
  }

  /// An account whose token is renewed by itself is worth waiting for.
  @Test func aTokenOnItsWay() {
    var pool = pool(1)
    #expect(pool.setRenewed(0, true, now: 0).isEmpty)
    #expect(lease(&pool, now: 0) == .leased(0))
    #expect(lease(&pool, now: 0) == .waiting)
    #expect(pool.release(0, .tokenInvalid("t"), now: 1).isEmpty)
    #expect(lease(&pool, now: 2) == .waiting)
    #expect(pool.setToken(0, endsAt: nil, now: 3) == [.init(ticket: 2, admission: .leased(0))])
    #expect(pool.accounts[0].tokenGeneration == 1)
    #expect(pool.release(0, .tokenInvalid("t"), now: 4).isEmpty)
    let grants = pool.setRenewed(0, false, now: 5)
    #expect(grants.map(\.ticket) == [3] && code(grants.first) == "upstream_credentials_exhausted")
  }

  // MARK: Time

  @Test func theNextTickIsKnownWithoutWaiters() {
    var pool = pool(3, tokenEndsAt: [200_000])
    #expect(lease(&pool, preferred: 1, now: 0) == .leased(1))
    #expect(lease(&pool, preferred: 2, now: 0) == .leased(2))
    #expect(pool.nextTick == 140_000, "a token comes near its end")
    _ = pool.release(1, .outOfCredits(milliseconds: 7000, "c"), now: 0)
    #expect(pool.nextTick == 7000, "credits come back")
    _ = pool.release(2, .rateLimited(retryAfterMilliseconds: 5000, "r"), now: 0)
    #expect(pool.nextTick == 5000, "a rest is over")
    for now in [5000, 7000, 140_000] as [UInt64] { #expect(pool.tick(now).isEmpty) }
    #expect(pool.accounts.map(\.stateName) == ["expired", "ready", "ready"])
    #expect(pool.nextTick == nil)
  }

  /// A wait for one account that has ended unnoticed is still due.
  @Test func aWaitForOnesOwnAccountIsNotForgotten() {
    var pool = pool(2)
    #expect(lease(&pool, preferred: 0, now: 0) == .leased(0))
    #expect(lease(&pool, preferred: 0, now: 0) == .waiting)
    pool.withdraw(99)
    #expect(pool.nextTick == 1000)
    #expect(pool.tick(1500) == [.init(ticket: 2, admission: .leased(1))])
    #expect(pool.nextTick == nil)
  }

  @Test func aTokenThatEndsBehindARestIsNotUsed() {
    var pool = pool(2, tokenEndsAt: [160_000])
    #expect(lease(&pool, preferred: 0, now: 0) == .leased(0))
    _ = pool.release(0, .rateLimited(retryAfterMilliseconds: 300_000, "r"), now: 0)
    #expect(pool.reset(0, now: 10).isEmpty)
    #expect(lease(&pool, preferred: 0, now: 99_999) == .leased(0))
    #expect(lease(&pool, preferred: 0, now: 100_000) == .leased(1))
    // Nor is it given to somebody who waits.
    var waiting = self.pool(1, tokenEndsAt: [160_000])
    #expect(lease(&waiting, now: 90_000) == .leased(0))
    #expect(lease(&waiting, now: 90_000) == .waiting)
    let grants = waiting.release(0, .success, now: 100_000)
    #expect(code(grants.first) == "upstream_credentials_exhausted")
  }

  @Test func aProbeDoesNotWaitForItsOwnAccount() {
    var pool = pool(3)
    for account in 0..<3 { #expect(lease(&pool, preferred: account, now: 0) == .leased(account)) }
    for account in 0..<2 { _ = pool.release(account, .upstreamFault("x"), now: 0) }
    _ = pool.release(2, .upstreamFault("x"), now: 0)
    #expect(pool.breaker.state == .open(until: 5000))
    #expect(pool.tick(6000).isEmpty)
    guard case .leased = lease(&pool, preferred: 1, now: 6000) else {
      Issue.record("no probe")
      return
    }
  }

  // MARK: Fairness

  /// Between two turns of a key, each other key has one at most.
  @Test func noKeyWaitsForMoreThanOneOfEachOther() {
    var pool = pool(1)
    #expect(lease(&pool, now: 0) == .leased(0))
    var keys: [Int: Int] = [:]
    for round in 0..<200 {
      // One key bursts, four come now and then.
      let key = round % 10 == 0 ? 1 + round / 10 % 4 : 0
      let ticket = pool.newTicket()
      keys[ticket] = key
      #expect(pool.lease(.init(ticket: ticket, key: key), now: 0) == .waiting)
    }
    var order: [Int] = []
    while pool.waiting > 0 {
      for grant in pool.release(0, .success, now: 0) { order.append(keys[grant.ticket]!) }
    }
    #expect(order.count == 200)
    for key in 0..<5 {
      let turns = order.indices.filter { order[$0] == key }
      for (one, next) in zip(turns, turns.dropFirst()) {
        for other in 0..<5 where other != key { #expect(order[one..<next].count { $0 == other } <= 1) }
      }
    }
    // The rare ones were done before the burst was.
    #expect(order.lastIndex { $0 != 0 }! < 40)
  }

  // MARK: Many accounts

  /// Work that looked at every account for each request, or at every pair, would not end within anybody's patience.
  @Test func tenThousandAccounts() {
    let count = 10_000
    var pool = pool(count, capacity: 2)
    // A conversation that waits for its own account makes nobody look through the others.
    #expect(lease(&pool, preferred: 7, now: 0) == .leased(7))
    #expect(lease(&pool, preferred: 7, now: 0) == .leased(7))
    #expect(lease(&pool, preferred: 7, now: 0) == .waiting)
    var leased: [Int] = []
    for _ in 0..<(2 * count - 2) {
      guard case .leased(let index) = lease(&pool, now: 0) else {
        Issue.record("refused while there is room")
        return
      }
      leased.append(index)
    }
    #expect(pool.accounts.allSatisfy { $0.inFlight == 2 })
    for index in leased { #expect(pool.release(index, .success, now: 1).isEmpty) }
    for _ in 0..<50_000 {
      guard case .leased(let index) = lease(&pool, excluded: [1, 2], now: 2) else {
        Issue.record("refused while there is room")
        return
      }
      _ = pool.release(index, .success, now: 2)
    }
    #expect(pool.release(7, .success, now: 3).map(\.ticket) == [3])
    #expect(pool.inFlight == 2)
  }
}

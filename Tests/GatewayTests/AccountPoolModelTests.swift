import Testing

@testable import Gateway

/// The pool beside a plain reference, through thousands of random events: capacity is never exceeded, nobody who waits is lost or passed
/// over, every choice and every refusal is the right one, and the time of the next tick misses nothing.
@Suite("The pool beside its reference") struct AccountPoolModelTests {
  @Test func agreesWithTheReference() {
    var random = SeededGenerator.seeded("pool model")
    for _ in 0..<80 {
      var run = Run(&random)
      for _ in 0..<300 { run.step(&random) }
      run.finish()
    }
  }
}

private struct Run {
  private var pool: AccountPool
  private var reference: PoolReference
  private var held: [Int] = []
  private var now: UInt64 = 0

  init(_ random: inout SeededGenerator) {
    var limits = AccountPool.Limits()
    limits.queue = Int.random(in: 0...6, using: &random)
    limits.queueTimeout = [500, 3000, 30_000].randomElement(using: &random)!
    limits.affinityWait = [0, 300, 1000].randomElement(using: &random)!
    (limits.cooldownMin, limits.cooldownMax) = (400, 5000)
    var breaker = Breaker.Limits()
    (breaker.accounts, breaker.window, breaker.probe) = (Int.random(in: 2...3, using: &random), 400, 700)
    let members = (0..<Int.random(in: 1...5, using: &random)).map { _ in Self.member(now: 0, &random) }
    pool = AccountPool(
      accounts: members.enumerated().map { Self.account("a\($0.offset)", $0.element) }, limits: limits, breaker: breaker,
      seed: random.next())
    reference = PoolReference(limits: limits, breaker: breaker, members: members)
  }

  private static func member(now: UInt64, _ random: inout SeededGenerator) -> PoolReference.Member {
    var member = PoolReference.Member(
      capacity: Int.random(in: 1...3, using: &random), weight: Int.random(in: 1...3, using: &random))
    member.isEnabled = Int.random(in: 0..<6, using: &random) > 0
    member.tokenEnd = tokenEnd(now, &random)
    return member
  }

  private static func tokenEnd(_ now: UInt64, _ random: inout SeededGenerator) -> UInt64? {
    Bool.random(using: &random) ? nil : now + UInt64.random(in: 50_000...75_000, using: &random)
  }

  private static func account(_ name: String, _ member: PoolReference.Member) -> Account {
    Account(
      name: name, capacity: member.capacity, weight: member.weight, isEnabled: member.isEnabled, tokenEndsAt: member.tokenEnd)
  }

  // MARK: Events

  mutating func step(_ random: inout SeededGenerator) {
    wait(&random)
    check(pool.tick(now))
    switch Int.random(in: 0..<20, using: &random) {
    case 0..<8: ask(&random)
    case 8..<14: giveBack(&random)
    case 14:
      guard let waiter = reference.waiters.randomElement(using: &random) else { break }
      pool.withdraw(waiter.ticket)
      pool.withdraw(waiter.ticket)
      reference.leave(waiter.ticket)
    default: operate(&random)
    }
    compare()
  }

  /// Time passes, often exactly up to the next tick or to just before it, when nothing may have changed.
  private mutating func wait(_ random: inout SeededGenerator) {
    let next = pool.nextTick
    if let next, next > now, next < now + 20_000, Int.random(in: 0..<3, using: &random) == 0 {
      var early = pool
      #expect(early.tick(next - 1).isEmpty, "somebody is served before the next tick")
      #expect(early.accounts.map(\.condition) == pool.accounts.map(\.condition), "an account changes before the next tick")
      now = next
    } else if next == nil, Int.random(in: 0..<3, using: &random) == 0 {
      var late = pool
      #expect(late.tick(now + 1_000_000).isEmpty, "somebody is served though no tick is due")
      #expect(late.accounts.map(\.condition) == pool.accounts.map(\.condition), "an account changes though no tick is due")
    } else if Bool.random(using: &random) {
      now += UInt64.random(in: 0...400, using: &random)
    }
  }

  private mutating func ask(_ random: inout SeededGenerator) {
    var request = AccountPool.Request(ticket: pool.newTicket(), key: Int.random(in: 0..<3, using: &random))
    switch Int.random(in: 0..<4, using: &random) {
    case 0: request.preferred = reference.members.indices.randomElement(using: &random)
    case 1: request.excluded = reference.members.indices.filter { _ in Int.random(in: 0..<3, using: &random) == 0 }
    default: break
    }
    let answer = reference.ask(request, now: now)
    let admission = pool.lease(request, now: now)
    switch (admission, answer) {
    case (.leased(let index), .lease(let right)):
      #expect(right.contains(index), "\(index) instead of one of \(right)")
      take(index)
    case (.waiting, .wait): break
    case (.refused(let error), .refuse(let code)): #expect(error.code == code)
    default: Issue.record("\(admission) instead of \(answer)")
    }
  }

  private mutating func giveBack(_ random: inout SeededGenerator) {
    guard let at = held.indices.randomElement(using: &random) else { return }
    let index = held.remove(at: at)
    let outcome: LeaseOutcome
    switch Int.random(in: 0..<16, using: &random) {
    case 0: outcome = .rateLimited(retryAfterMilliseconds: UInt64.random(in: 100...40_000, using: &random), "r")
    case 1: outcome = .rateLimited(retryAfterMilliseconds: nil, "r")
    case 2: outcome = .outOfCredits(milliseconds: UInt64.random(in: 100...5000, using: &random), "c")
    case 3: outcome = .tokenInvalid("t")
    case 4..<7: outcome = .upstreamFault("u")
    case 7: outcome = .neutral
    case 8: outcome = .answered
    default: outcome = .success
    }
    let before = reference.members[index]
    let waited = reference.waiters.map(\.ticket)
    let opened = reference.gaveBack(index, outcome, now: now)
    var grants = pool.release(index, outcome, now: now)
    if case .rateLimited(let retryAfter, _) = outcome { rest(index, before, retryAfter) }
    if opened {
      let refused = grants.prefix(waited.count)
      #expect(Set(refused.map(\.ticket)) == Set(waited), "who waits hears that the breaker opened")
      for grant in refused { #expect(code(grant) == "upstream_unavailable") }
      grants.removeFirst(min(grants.count, waited.count))
      (reference.waiters, reference.turns) = ([], [])
    }
    check(grants)
  }

  /// A cool-down may have jitter: the reference checks it and takes it over.
  private mutating func rest(_ index: Int, _ before: PoolReference.Member, _ retryAfter: UInt64?) {
    switch before.state {
    case .expired, .broke: return
    case .resting(let until, true) where until > now:
      if let retryAfter, now + retryAfter > until { reference.members[index].state = .resting(until: now + retryAfter, rate: true) }
    case .ready, .resting:
      guard case .cooling(let until, .rateLimited) = pool.accounts[index].condition else {
        Issue.record("a rate limit rests nobody")
        return
      }
      if let retryAfter {
        #expect(until == now + retryAfter)
      } else {
        let doubled: UInt64 = 400 << UInt64(min(before.strikes, 20))
        let base: UInt64 = min(5000, doubled)
        let rest: UInt64 = until - now
        #expect(rest >= base * 4 / 5)
        #expect(rest <= min(5000, base * 6 / 5))
        reference.members[index].strikes += 1
      }
      reference.members[index].state = .resting(until: until, rate: true)
    }
  }

  private mutating func operate(_ random: inout SeededGenerator) {
    let index = Int.random(in: 0..<reference.members.count, using: &random)
    switch Int.random(in: 0..<12, using: &random) {
    case 0..<2:
      reference.members[index].isEnabled.toggle()
      check(pool.setEnabled(index, reference.members[index].isEnabled, now: now))
    case 2..<4:
      revive(index)
      check(pool.reset(index, now: now))
    case 4..<8:
      let end = Self.tokenEnd(now, &random)
      reference.members[index].tokenEnd = end
      if reference.members[index].state == .expired { revive(index) }
      check(pool.setToken(index, endsAt: end, now: now))
    case 8:
      reference.members[index].state = .expired
      check(pool.expire(index, "t", now: now))
    case 9:
      reference.members[index].isRenewed.toggle()
      check(pool.setRenewed(index, reference.members[index].isRenewed, now: now))
    case 10:
      let new = Self.member(now: now, &random)
      (reference.members[index].capacity, reference.members[index].weight) = (new.capacity, new.weight)
      reference.members[index].isEnabled = new.isEnabled
      check(pool.configure(index, as: Self.account("x", new), now: now))
    default:
      guard reference.members.count < 8 else { return }
      if Bool.random(using: &random) {
        reference.members[index].isDraining = true
        check(pool.drain(index, now: now))
      }
      let new = Self.member(now: now, &random)
      reference.members.append(new)
      check(pool.configure(nil, as: Self.account("n", new), now: now))
    }
  }

  private mutating func revive(_ index: Int) {
    (reference.members[index].state, reference.members[index].strikes) = (.ready, 0)
  }

  // MARK: Comparing

  private mutating func take(_ index: Int) {
    reference.took(index)
    held.append(index)
    #expect(reference.members[index].inFlight <= reference.members[index].capacity, "more than an account takes")
  }

  private func code(_ grant: AccountPool.Grant) -> String {
    if case .refused(let error) = grant.admission { error.code } else { "\(grant.admission)" }
  }

  private mutating func check(_ grants: [AccountPool.Grant]) {
    reference.pass(to: now)
    var refused: [Int: String] = [:]
    for grant in grants {
      guard case .leased(let index) = grant.admission else {
        refused[grant.ticket] = code(grant)
        continue
      }
      let next = reference.next(now)
      #expect(next?.ticket == grant.ticket, "somebody else is next")
      #expect(next?.among.contains(index) == true, "\(index) instead of one of \(next?.among ?? [])")
      reference.leave(grant.ticket, keepsTurn: true)
      take(index)
    }
    let next = reference.next(now)
    #expect(next == nil, "somebody could be served and is not")
    #expect(refused == reference.hopeless())
    for ticket in refused.keys { reference.leave(ticket) }
  }

  private func compare() {
    #expect(pool.waiting == reference.waiters.count)
    #expect(pool.inFlight == held.count)
    for (account, member) in zip(pool.accounts, reference.members) {
      #expect(account.inFlight == member.inFlight)
      let state: PoolReference.State =
        switch account.condition {
        case .ready: .ready
        case .cooling(let until, let reason): .resting(until: until, rate: reason == .rateLimited)
        case .outOfCredits(let until): .broke(until: until)
        case .expired: .expired
        }
      #expect(state == member.state)
    }
    let isOpen = pool.breaker.state != .closed
    #expect(isOpen == (reference.gate != .closed))
    if isOpen { #expect(pool.waiting == 0, "somebody waits behind an open breaker") }
  }

  /// With every account well again, everybody is served: nothing is stuck, and nothing is left.
  mutating func finish() {
    now += 100_000
    check(pool.tick(now))
    for index in reference.members.indices {
      (reference.members[index].isEnabled, reference.members[index].tokenEnd) = (true, nil)
      check(pool.setEnabled(index, true, now: now))
      if reference.members[index].state == .expired { revive(index) }
      check(pool.setToken(index, endsAt: nil, now: now))
    }
    while let index = held.popLast() {
      _ = reference.gaveBack(index, .success, now: now)
      check(pool.release(index, .success, now: now))
    }
    compare()
    #expect(pool.inFlight == 0)
    if reference.members.contains(where: { !$0.isDraining }) { #expect(pool.waiting == 0, "somebody is left waiting") }
  }
}

import Testing

@testable import Gateway

@Suite("The pool of accounts") struct AccountPoolTests {
  private func pool(
    _ capacities: [Int], weights: [Int] = [], disabled: Set<Int> = [], queue: Int = 100, affinityWait: UInt64 = 0
  ) -> AccountPool {
    var limits = AccountPool.Limits()
    (limits.queue, limits.affinityWait) = (queue, affinityWait)
    let accounts = capacities.enumerated().map { index, capacity in
      Account(
        name: "a\(index)", capacity: capacity, weight: index < weights.count ? weights[index] : 1,
        isEnabled: !disabled.contains(index))
    }
    return AccountPool(accounts: accounts, limits: limits, breaker: Breaker.Limits(), seed: 1)
  }

  private func lease(
    _ pool: inout AccountPool, key: Int = 0, preferred: Int? = nil, excluded: [Int] = [], now: UInt64 = 0
  ) -> AccountPool.Admission {
    pool.lease(.init(ticket: pool.newTicket(), key: key, preferred: preferred, excluded: excluded), now: now)
  }

  private func granted(_ grants: [AccountPool.Grant]) -> [[Int]] {
    grants.map { grant in
      if case .leased(let account) = grant.admission { [grant.ticket, account] } else { [grant.ticket, -1] }
    }
  }

  @Test func withoutAccounts() {
    var none = pool([])
    #expect(lease(&none) == .refused(.noCookies))
    var off = pool([1, 1], disabled: [0, 1])
    guard case .refused(.poolUnavailable) = lease(&off) else {
      Issue.record("disabled accounts were leased")
      return
    }
  }

  @Test func tiesGoToTheOneIdleLongest() {
    var pool = pool([2, 2, 2])
    let first = (0..<6).map { _ in lease(&pool) }
    #expect(Set(first.prefix(3).map { "\($0)" }).count == 3)
    #expect(Array(first.prefix(3)) == Array(first.suffix(3)))
    for account in [1, 0, 2] { #expect(pool.release(account, .success, now: 0).isEmpty) }
    #expect(lease(&pool) == first[0])
  }

  @Test func theLeastLoadedByCapacityAndWeight() {
    var pool = pool([10, 10], weights: [1, 3])
    var counts = [0, 0]
    for _ in 0..<8 { if case .leased(let index) = lease(&pool) { counts[index] += 1 } }
    #expect(counts == [2, 6])
  }

  @Test func thePreferredOneIfItHasRoom() {
    var pool = pool([1, 5])
    #expect(lease(&pool, preferred: 1) == .leased(1))
    #expect(lease(&pool, preferred: 1) == .leased(1))
    #expect(lease(&pool, preferred: 0) == .leased(0))
    #expect(lease(&pool, preferred: 0) == .leased(1))
    var off = self.pool([1, 1], disabled: [0])
    #expect(lease(&off, preferred: 0) == .leased(1))
  }

  @Test func aConversationWaitsForItsOwnAccountAWhile() {
    var pool = pool([1, 1], affinityWait: 500)
    #expect(lease(&pool, preferred: 0) == .leased(0))
    #expect(lease(&pool, preferred: 0, now: 100) == .waiting)
    #expect(pool.nextTick == 600)
    #expect(pool.tick(599).isEmpty)
    #expect(granted(pool.tick(600)) == [[2, 1]])
    #expect(lease(&pool, preferred: 0, now: 700) == .waiting)
    #expect(granted(pool.release(0, .success, now: 750)) == [[3, 0]])
  }

  /// A queue that is full must not turn away what another account could serve at once.
  @Test func withoutRoomToWaitAnyAccountWillDo() {
    var pool = pool([1, 1], queue: 0, affinityWait: 500)
    #expect(lease(&pool, preferred: 0) == .leased(0))
    #expect(lease(&pool, preferred: 0) == .leased(1))
  }

  @Test func waitersAreServedInOrder() {
    var pool = pool([1], queue: 2)
    #expect(lease(&pool) == .leased(0))
    #expect(lease(&pool) == .waiting)
    #expect(lease(&pool) == .waiting)
    guard case .refused(.poolBusy) = lease(&pool) else {
      Issue.record("the queue has no limit")
      return
    }
    #expect(pool.waiting == 2)
    #expect(granted(pool.release(0, .success, now: 0)) == [[2, 0]])
    pool.withdraw(3)
    #expect(pool.waiting == 0)
    #expect(pool.release(0, .success, now: 0).isEmpty)
    #expect(pool.inFlight == 0)
  }

  @Test func keysTakeTurns() {
    var pool = pool([1])
    #expect(lease(&pool) == .leased(0))
    for key in [7, 7, 7, 8, 9, 8] { #expect(lease(&pool, key: key) == .waiting) }
    var order: [Int] = []
    for _ in 0..<6 { order += granted(pool.release(0, .success, now: 0)).map { $0[0] } }
    // Tickets 2, 3, 4 are of the first key, 5 and 7 of the second, 6 of the third.
    #expect(order == [2, 5, 6, 3, 7, 4])
  }

  @Test func theLargestNumbersThatAConfigurationAllows() {
    var pool = pool([1_000_000, 1_000_000], weights: [1_000_000, 1_000_000])
    let leases = (0..<4).map { _ in lease(&pool) }
    #expect(leases[0] == leases[2] && leases[1] == leases[3] && leases[0] != leases[1])
  }

  @Test func agreesWithANaiveReference() {
    var random = SeededGenerator.seeded("pool")
    for _ in 0..<60 {
      let capacities = (0..<Int.random(in: 1...4, using: &random)).map { _ in Int.random(in: 1...3, using: &random) }
      compare(capacities, disabled: capacities.count > 1 && Bool.random(using: &random) ? [0] : [], &random)
    }
  }

  /// The reference looks at everything anew each time.
  private func compare(_ capacities: [Int], disabled: Set<Int>, _ random: inout SeededGenerator) {
    let queueLimit = Int.random(in: 0...3, using: &random)
    var pool = pool(capacities, disabled: disabled, queue: queueLimit)
    var held: [Int] = []
    var queue: [Int] = []
    var lastUse = [Int](repeating: 0, count: capacities.count)
    var step = 0
    /// The accounts that a fair choice may name; more than one only among those never used.
    func best(_ preferred: Int?) -> Set<Int> {
      func load(_ index: Int) -> Double { Double(held.count { $0 == index }) / Double(capacities[index]) }
      let free = capacities.indices.filter { index in !disabled.contains(index) && held.count { $0 == index } < capacities[index] }
      if let preferred, free.contains(preferred) { return [preferred] }
      guard let least = free.map({ (load($0), lastUse[$0]) }).min(by: <) else { return [] }
      return Set(free.filter { (load($0), lastUse[$0]) == least })
    }
    func take(_ index: Int) {
      step += 1
      lastUse[index] = step
      held.append(index)
    }
    for _ in 0..<150 {
      switch Int.random(in: 0..<5, using: &random) {
      case 0..<2:
        let ticket = pool.newTicket()
        let preferred = Bool.random(using: &random) ? capacities.indices.randomElement(using: &random) : nil
        let candidates = best(preferred)
        switch pool.lease(.init(ticket: ticket, key: 0, preferred: preferred), now: 0) {
        case .leased(let index):
          #expect(candidates.contains(index))
          take(index)
        case .waiting:
          #expect(candidates.isEmpty && queue.count < queueLimit)
          queue.append(ticket)
        case .refused(let error):
          #expect(candidates.isEmpty && queue.count >= queueLimit && error.code == "pool_busy")
        }
      case 2..<4:
        guard let at = held.indices.randomElement(using: &random) else { continue }
        let grants = granted(pool.release(held.remove(at: at), .success, now: 0))
        let candidates = best(nil)
        #expect(grants.count == (queue.isEmpty || candidates.isEmpty ? 0 : 1))
        for grant in grants {
          #expect(grant[0] == queue.removeFirst())
          #expect(candidates.contains(grant[1]))
          take(grant[1])
        }
      default:
        guard let ticket = queue.randomElement(using: &random) else { continue }
        pool.withdraw(ticket)
        queue.removeAll { $0 == ticket }
      }
      #expect(pool.inFlight == held.count)
      #expect(pool.waiting == queue.count)
      for account in pool.accounts { #expect(account.inFlight <= account.capacity) }
    }
  }
}

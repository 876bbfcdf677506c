import Testing

@testable import Gateway

@Suite("The pool of accounts") struct AccountPoolTests {
  private func pool(_ capacities: [Int], weights: [Int] = [], disabled: Set<Int> = [], queueLimit: Int = 100) -> AccountPool {
    AccountPool(
      accounts: capacities.enumerated().map { index, capacity in
        .init(
          name: "a\(index)", capacity: capacity, weight: index < weights.count ? weights[index] : 1,
          isEnabled: !disabled.contains(index))
      }, queueLimit: queueLimit)
  }

  private func lease(_ pool: inout AccountPool, preferred: Int? = nil) -> AccountPool.Admission {
    pool.lease(pool.newTicket(), preferred: preferred)
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
    #expect((0..<6).map { _ in lease(&pool) } == [0, 1, 2, 0, 1, 2].map { .leased($0) })
    for account in [1, 0, 2] { #expect(pool.release(account) == nil) }
    #expect(lease(&pool) == .leased(0))
  }

  @Test func theLeastLoadedByCapacityAndWeight() {
    var pool = pool([1, 4])
    // 0 of 1 and 0 of 4, then 1 of 1 is full: everything else goes to the second.
    #expect((0..<5).map { _ in lease(&pool) } == [0, 1, 1, 1, 1].map { .leased($0) })
    var weighted = self.pool([10, 10], weights: [1, 3])
    var counts = [0, 0]
    for _ in 0..<8 { if case .leased(let index) = lease(&weighted) { counts[index] += 1 } }
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

  @Test func waitersAreServedInOrder() {
    var pool = pool([1], queueLimit: 2)
    #expect(lease(&pool) == .leased(0))
    let tickets = (0..<3).map { _ in pool.newTicket() }
    #expect(pool.lease(tickets[0]) == .waiting)
    #expect(pool.lease(tickets[1]) == .waiting)
    guard case .refused(.poolBusy) = pool.lease(tickets[2]) else {
      Issue.record("the queue has no limit")
      return
    }
    #expect(pool.waiting == 2)
    #expect(pool.release(0).map { [$0.ticket, $0.account] } == [tickets[0], 0])
    pool.withdraw(tickets[1])
    #expect(pool.waiting == 0)
    #expect(pool.release(0) == nil)
    #expect(pool.inFlight == 0)
  }

  @Test func withoutAQueue() {
    var pool = pool([1], queueLimit: 0)
    #expect(lease(&pool) == .leased(0))
    guard case .refused(.poolBusy) = lease(&pool) else {
      Issue.record("a request waits where none may")
      return
    }
  }

  @Test func theLargestNumbersThatAConfigurationAllows() {
    var pool = pool([1_000_000, 1_000_000], weights: [1_000_000, 1_000_000])
    #expect((0..<4).map { _ in lease(&pool) } == [0, 1, 0, 1].map { .leased($0) })
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
    var pool = pool(capacities, disabled: disabled, queueLimit: queueLimit)
    var held: [Int] = []
    var queue: [Int] = []
    var lastUse = [Int](repeating: 0, count: capacities.count)
    var step = 0
    func best(_ preferred: Int?) -> Int? {
      func load(_ index: Int) -> Double { Double(held.count { $0 == index }) / Double(capacities[index]) }
      let free = capacities.indices.filter { index in !disabled.contains(index) && held.count { $0 == index } < capacities[index] }
      if let preferred, free.contains(preferred) { return preferred }
      return free.min { (load($0), lastUse[$0]) < (load($1), lastUse[$1]) }
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
        let admission = pool.lease(ticket, preferred: preferred)
        if queue.isEmpty, let index = best(preferred) {
          take(index)
          #expect(admission == .leased(index))
        } else if queue.count < queueLimit {
          queue.append(ticket)
          #expect(admission == .waiting)
        } else if case .refused(.poolBusy) = admission {
        } else {
          Issue.record("\(admission) where the queue is full")
        }
      case 2..<4:
        guard let at = held.indices.randomElement(using: &random) else { continue }
        let released = pool.release(held.remove(at: at))
        if queue.isEmpty {
          #expect(released == nil)
        } else if let index = best(nil) {
          #expect(released.map { [$0.ticket, $0.account] } == [queue.removeFirst(), index])
          take(index)
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

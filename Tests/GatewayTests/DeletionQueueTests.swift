import Testing

@testable import Gateway

@Suite("Sessions to be deleted") struct DeletionQueueTests {
  /// Enough sessions to make a full batch are due at once; others wait for company.
  private static let gather = DeletionQueue.gatherMilliseconds

  private func queue(_ ids: [Int], account: Int = 0) -> DeletionQueue {
    var queue = DeletionQueue()
    for id in ids { _ = queue.add(id: id, account: account, 0) }
    return queue
  }

  @Test func inBatches() {
    var queue = queue(Array(1...60))
    #expect(queue.next(0) == .batch(account: 0, ids: Array(1...50)))
    #expect(queue.next(0) == .busy)
    queue.deleted(account: 0, 1)
    #expect(queue.next(1) == .wait(until: 1 + Self.gather))
    #expect(queue.next(1 + Self.gather) == .batch(account: 0, ids: Array(51...60)))
    queue.deleted(account: 0, 300)
    #expect(queue.next(300) == .nothing)
    #expect(queue.count == 0)
  }

  @Test func fewWaitForCompany() {
    var queue = DeletionQueue()
    #expect(queue.add(id: 1, account: 0, 100) == 100 + Self.gather)
    #expect(queue.add(id: 2, account: 0, 200) == 100 + Self.gather)
    #expect(queue.next(100 + Self.gather - 1) == .wait(until: 100 + Self.gather))
    for id in 3...50 { _ = queue.add(id: id, account: 0, 300) }
    #expect(queue.next(300) == .batch(account: 0, ids: Array(1...50)))
  }

  /// The pace grows with the backlog: a full batch follows upon the last at once, and accounts do not wait for each other.
  @Test func accountsInParallelButOneCallEach() {
    var queue = DeletionQueue()
    for account in 0..<10 { for id in 0..<120 { _ = queue.add(id: id, account: account, UInt64(account)) } }
    var underWay: [Int: Int] = [:]
    while case .batch(let account, let ids) = queue.next(10) { underWay[account] = ids.count }
    #expect(queue.next(10) == .busy)
    #expect(underWay.count == DeletionQueue.maxCalls && underWay.values.allSatisfy { $0 == 50 })
    #expect(underWay.keys.max() == DeletionQueue.maxCalls - 1, "those that wait longest come first")
    queue.deleted(account: 3, 20)
    // Others have waited longer than the one that was served just now.
    #expect(queue.next(20) == .batch(account: 8, ids: Array(0..<50)))
    queue.deleted(account: 8, 21)
    #expect(queue.next(21) == .batch(account: 9, ids: Array(0..<50)))
    queue.deleted(account: 9, 22)
    #expect(queue.next(22) == .batch(account: 3, ids: Array(50..<100)))
  }

  @Test func whoRefusesWaitsAlone() {
    var queue = queue([1])
    _ = queue.add(id: 2, account: 1, 5)
    #expect(queue.next(300) == .batch(account: 0, ids: [1]))
    #expect(queue.failed([1], account: 0, 300) == 0)
    #expect(queue.next(300) == .batch(account: 1, ids: [2]))
    queue.deleted(account: 1, 301)
    #expect(queue.next(301) == .wait(until: 2300))
    #expect(queue.add(id: 3, account: 0, 302) == 2300)
    // A failure behind it: fewer at a time.
    #expect(queue.next(2300) == .batch(account: 0, ids: [1, 3]))
  }

  @Test func failuresInARowWaitLongerAndLonger() {
    var queue = queue([1])
    var now = Self.gather
    for failure in 1...12 {
      #expect(queue.next(now) == .batch(account: 0, ids: [1]))
      #expect(queue.failed([1], account: 0, now) == 0)
      #expect(queue.failuresInARow(account: 0) == failure)
      let delay = min(UInt64(1000) << UInt64(failure), 300_000)
      #expect(queue.next(now) == .wait(until: now + delay))
      now += delay
    }
  }

  /// A number that the upstream refuses comes behind the others, in ever smaller company.
  @Test func oneBadNumberDoesNotKeepTheOthers() {
    var queue = queue(Array(1...60))
    var now: UInt64 = 0
    var deleted: Set<Int> = []
    for _ in 0..<200 {
      switch queue.next(now) {
      case .batch(let account, let ids):
        if ids.contains(7) {
          #expect(queue.failed(ids, account: account, now) == 0)
        } else {
          deleted.formUnion(ids)
          queue.deleted(account: account, now)
        }
      case .wait(let until): now = until
      case .busy, .nothing: break
      }
    }
    #expect(deleted == Set(1...60).subtracting([7]))
    #expect(queue.count == 1)
  }

  @Test func inAHurryThereIsAnEnd() {
    var queue = queue([1, 2])
    guard case .wait = queue.next(0) else { return #expect(Bool(false), "they are gathered") }
    #expect(queue.next(Self.gather) == .batch(account: 0, ids: [1, 2]))
    #expect(queue.failed([1, 2], account: 0, 0) == 0)
    #expect(queue.next(0) == .wait(until: 2000))
    queue.isHurried = true
    // What was put off before is tried at once, and then soon.
    for failure in 2...5 {
      var left: [Int] = []
      let now = UInt64(failure) * 10_000
      while case .batch(_, let ids) = queue.next(now) { left = ids }
      #expect(!left.isEmpty)
      let givenUp = queue.failed(left, account: 0, now)
      #expect(givenUp == (failure == 5 ? 2 : 0))
    }
    #expect(queue.count == 0 && queue.next(.max / 2) == .nothing)
  }

  @Test func inAHurryNothingIsGathered() {
    var queue = DeletionQueue()
    queue.isHurried = true
    #expect(queue.add(id: 1, account: 0, 7) == 7)
    #expect(queue.next(7) == .batch(account: 0, ids: [1]))
    _ = queue.add(id: 2, account: 0, 8)
    queue.deleted(account: 0, 9)
    #expect(queue.next(9) == .batch(account: 0, ids: [2]))
  }
}

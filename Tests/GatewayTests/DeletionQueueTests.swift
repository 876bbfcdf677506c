import Testing

@testable import Gateway

@Suite("Sessions to be deleted") struct DeletionQueueTests {
  private func queue(_ ids: [Int], account: Int = 0) -> DeletionQueue {
    var queue = DeletionQueue()
    for id in ids { queue.add(id: id, account: account) }
    return queue
  }

  @Test func inBatches() {
    var queue = queue(Array(1...60))
    #expect(queue.next(0) == .batch(account: 0, ids: Array(1...50)))
    queue.deleted(account: 0, 1)
    #expect(queue.next(1) == .batch(account: 0, ids: Array(51...60)))
    queue.deleted(account: 0, 2)
    #expect(queue.next(2) == .nothing)
    #expect(queue.count == 0)
  }

  @Test func aFullBatchIsNotKeptWaiting() {
    var queue = queue(Array(1...49))
    #expect(!queue.hasFullBatch)
    queue.add(id: 50, account: 1)
    #expect(!queue.hasFullBatch)
    queue.add(id: 51, account: 0)
    #expect(queue.hasFullBatch)
    guard case .batch(0, let ids) = queue.next(0) else {
      Issue.record("no batch")
      return
    }
    #expect(queue.failed(ids, account: 0, 0) == 0)
    #expect(!queue.hasFullBatch, "an account that refuses is not pressed")
  }

  @Test func whoRefusesWaitsAlone() {
    var queue = queue([1])
    queue.add(id: 2, account: 1)
    #expect(queue.next(10) == .batch(account: 0, ids: [1]))
    #expect(queue.failed([1], account: 0, 10) == 0)
    #expect(queue.next(10) == .batch(account: 1, ids: [2]))
    queue.deleted(account: 1, 11)
    #expect(queue.next(11) == .wait(until: 2010))
    #expect(queue.next(2010) == .batch(account: 0, ids: [1]))
    #expect(queue.failed([1], account: 0, 2010) == 0)
    #expect(queue.next(2011) == .wait(until: 6010))
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
      case .nothing: break
      }
    }
    #expect(deleted == Set(1...60).subtracting([7]))
    #expect(queue.count == 1)
  }

  @Test func inAHurryThereIsAnEnd() {
    var queue = queue([1, 2])
    _ = queue.next(0)
    #expect(queue.failed([1, 2], account: 0, 0) == 0)
    #expect(queue.next(0) == .wait(until: 2000))
    queue.isHurried = true
    // What was put off before is tried at once, and then soon.
    #expect(queue.next(0) == .batch(account: 0, ids: [1, 2]))
    for failure in 2...5 {
      let givenUp = queue.failed([1, 2], account: 0, 0)
      #expect(givenUp == (failure == 5 ? 2 : 0))
      while case .batch = queue.next(.max / 2) {}
    }
    #expect(queue.count == 0)
  }
}

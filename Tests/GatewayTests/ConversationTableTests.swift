import Testing
import Wire

@testable import Gateway

@Suite("The table of conversations") struct ConversationTableTests {
  private func key(_ number: Int) -> ConversationKey { SipHash128.Digest(high: 0, low: UInt64(number)) }

  @Test func whatIsFiledCanBeTakenOnce() throws {
    var table = ConversationTable(capacity: 4)
    #expect(table.take(key(1)) == nil)
    #expect(table.file(try makeLiveSession(10), under: key(1), now: 0) == nil)
    #expect(table.count == 1)
    #expect(table.take(key(2)) == nil)
    #expect(table.take(key(1))?.session.id == 10)
    #expect(table.take(key(1)) == nil)
    #expect(table.count == 0)
  }

  @Test func twinsAreTakenNewestFirst() throws {
    var table = ConversationTable(capacity: 4)
    for id in 1...3 { _ = table.file(try makeLiveSession(id), under: key(7), now: 0) }
    #expect((1...3).map { _ in table.take(key(7))?.session.id } == [3, 2, 1])
    #expect(table.take(key(7)) == nil)
  }

  @Test func theLeastRecentlyUsedMakesRoom() throws {
    var table = ConversationTable(capacity: 2)
    _ = table.file(try makeLiveSession(1), under: key(1), now: 0)
    _ = table.file(try makeLiveSession(2), under: key(2), now: 1)
    let taken = table.take(key(1))
    let used = try #require(taken)
    _ = table.file(used, under: key(11), now: 2)
    #expect(table.file(try makeLiveSession(3), under: key(3), now: 3)?.session.id == 2)
    #expect(table.take(key(2)) == nil)
    #expect(table.take(key(11))?.session.id == 1)
  }

  @Test func anAccountKeepsNoMoreThanItsShare() throws {
    var table = ConversationTable(capacity: 9, accountCapacity: 2)
    for id in 1...2 { #expect(table.file(try makeLiveSession(id, account: 0), under: key(id), now: 0) == nil) }
    #expect(table.file(try makeLiveSession(3, account: 1), under: key(3), now: 1) == nil)
    #expect(table.file(try makeLiveSession(4, account: 0), under: key(4), now: 2)?.session.id == 1)
    #expect((table.count(account: 0), table.count(account: 1), table.count) == (2, 1, 3))
    #expect(table.evictOldest(of: 0)?.session.id == 2)
    #expect(table.take(key(4))?.session.id == 4)
    #expect(table.evictOldest(of: 0) == nil)
    #expect(table.evictOldest(of: 1)?.session.id == 3)
    #expect(table.count == 0)
  }

  @Test func theDeadlineItselfExpires() throws {
    var table = ConversationTable(capacity: 9)
    for id in 1...4 { _ = table.file(try makeLiveSession(id), under: key(id), now: UInt64(id)) }
    #expect(table.expire(filedBefore: 2).map(\.session.id) == [1, 2])
    #expect(table.expire(filedBefore: 2).isEmpty)
    #expect(table.removeAll().map(\.session.id) == [3, 4])
    #expect(table.count == 0)
  }

  @Test func agreesWithANaiveReference() throws {
    var random = SeededGenerator.seeded("conversations")
    for _ in 0..<60 { try compare(capacity: Int.random(in: 1...6, using: &random), &random) }
  }

  /// The reference is a list from the oldest to the newest.
  private func compare(capacity: Int, _ random: inout SeededGenerator) throws {
    var table = ConversationTable(capacity: capacity)
    var list: [(key: Int, id: Int, filedAt: UInt64)] = []
    var now: UInt64 = 0
    for id in 1...200 {
      now += UInt64.random(in: 0...2, using: &random)
      let number = Int.random(in: 0..<4, using: &random)
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<5:
        let evicted = list.count >= capacity ? list.removeFirst().id : nil
        list.append((number, id, now))
        #expect(table.file(try makeLiveSession(id), under: key(number), now: now)?.session.id == evicted)
      case 5..<9:
        let at = list.lastIndex { $0.key == number }
        #expect(table.take(key(number))?.session.id == at.map { list.remove(at: $0).id })
      default:
        let deadline = now - min(now, UInt64.random(in: 0...6, using: &random))
        let expired = list.filter { $0.filedAt <= deadline }.map(\.id)
        list.removeAll { $0.filedAt <= deadline }
        #expect(table.expire(filedBefore: deadline).map(\.session.id) == expired)
      }
      #expect(table.count == list.count)
    }
    #expect(table.removeAll().map(\.session.id) == list.map(\.id))
  }
}

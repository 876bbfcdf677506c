import Testing
import XSTech

@testable import Gateway

@Suite("Sessions made ahead") struct SessionReserveTests {
  private func live(_ id: Int, account: Int = 0, model: String = "m") throws -> LiveSession {
    var session = try makeLiveSession(id, account: account)
    session.wasUpdated(to: session.preparedSettings(model: model))
    return session
  }

  @Test func whatIsComingCounts() throws {
    var reserve = SessionReserve(accounts: 2, target: 2)
    #expect(reserve.wanting == [0, 1])
    reserve.began(account: 0)
    #expect(reserve.wants(account: 0))
    reserve.began(account: 0)
    #expect(!reserve.wants(account: 0))
    #expect(reserve.wanting == [1])
    #expect(reserve.isWanting)
    reserve.ended(account: 0, nil)
    #expect(reserve.wants(account: 0))
    reserve.ended(account: 0, try live(1))
    #expect(reserve.count(account: 0) == 1 && reserve.count(account: 1) == 0)
    #expect(reserve.wants(account: 0))
  }

  @Test func theOneOfTheModelComesFirst() throws {
    var reserve = SessionReserve(accounts: 2, target: 3)
    for (id, model) in [(1, "a"), (2, "b"), (3, "b")] { reserve.put(try live(id, model: model)) }
    #expect(reserve.take(account: 0, model: "b")?.session.id == 2)
    #expect(reserve.take(account: 0, model: "c")?.session.id == 1)
    #expect(reserve.take(account: 1, model: "b") == nil)
    #expect(reserve.take(account: 0, model: "c")?.session.id == 3)
    #expect(reserve.take(account: 0, model: "c") == nil)
  }

  @Test func everythingCanBeRemoved() throws {
    var reserve = SessionReserve(accounts: 2, target: 3)
    for (id, account) in [(1, 1), (2, 0), (3, 1)] { reserve.put(try live(id, account: account)) }
    #expect(reserve.count == 3)
    #expect(reserve.removeAll().map(\.session.id) == [2, 1, 3])
    #expect(reserve.count == 0)
  }

  @Test func theFavouriteFollowsTheDemand() {
    var reserve = SessionReserve(accounts: 1, target: 1)
    #expect(reserve.favouriteModel == nil)
    reserve.note(model: "b")
    reserve.note(model: "a")
    // The same wherever the dictionary puts them.
    #expect(reserve.favouriteModel == "a")
    reserve.note(model: "b")
    #expect(reserve.favouriteModel == "b")
    for _ in 0..<200 { reserve.note(model: "old") }
    for _ in 0..<256 { reserve.note(model: "new") }
    #expect(reserve.favouriteModel == "new")
  }

  @Test func theFavouriteFadesAsWell() {
    var reserve = SessionReserve(accounts: 1, target: 1)
    for _ in 0..<127 { reserve.note(model: "b") }
    for _ in 0..<129 { reserve.note(model: "a") }
    #expect(reserve.favouriteModel == "a")
    // They were halved, to 64 and 63.
    reserve.note(model: "b")
    #expect(reserve.favouriteModel == "a")
    reserve.note(model: "b")
    #expect(reserve.favouriteModel == "b")
    // Each is asked for only once until the next time, which leaves nothing.
    var others = SessionReserve(accounts: 1, target: 1)
    for number in 0..<256 { others.note(model: "model \(number)") }
    #expect(others.favouriteModel == nil)
  }

  @Test func whatNobodyLookedAfterIsStale() throws {
    var reserve = SessionReserve(accounts: 2, target: 3)
    reserve.put(try live(1), updatedAt: 100)
    reserve.put(try live(2, account: 1), updatedAt: 101)
    reserve.put(try live(3, account: 1))
    #expect(reserve.takeStale(updatedBefore: 100).map(\.session.id) == [1, 3])
    #expect(reserve.count == 1)
    #expect(reserve.take(account: 1, model: "m")?.session.id == 2)
  }

  @Test func noneAtAll() {
    let reserve = SessionReserve(accounts: 3, target: 0)
    #expect(reserve.wanting.isEmpty)
    #expect(!reserve.isWanting)
  }
}

@Suite("Leftovers of crashed gateways") struct LeftoversTests {
  private func isLeftover(_ name: String, _ updated: String, now: String = "2026-06-04 12:00:00") -> Bool {
    Leftovers.isLeftover(name: name, updated: updated, ownName: "xtgateway/own", upstreamNow: now, idleSeconds: 3600)
  }

  @Test func onlyAnotherGatewaysOldSessions() {
    #expect(isLeftover("xtgateway/other", "2026-06-04 10:59:59"))
    #expect(!isLeftover("xtgateway/other", "2026-06-04 11:00:00"))
    #expect(!isLeftover("xtgateway/own", "2026-06-04 01:00:00"))
    for name in ["新对话", "", "xtgateway", "my xtgateway/other", "XTGateway/other"] {
      #expect(!isLeftover(name, "2020-01-01 00:00:00"), "\(name)")
    }
  }

  @Test func whatCannotBeReadIsLeftAlone() {
    let odd = [
      "", "yesterday", "2026-06-04", "2026-06-04 10:20", "2026-06-04 10:20:23.5", "2026-06-04T10:20:23Z", "26-06-04 10:20:23",
      "2026-13-04 10:20:23",
      "2026-06-00 10:20:23", "2026-06-04 +1:20:23", "2026-06-04 99999999999999999999:20:23",
      "2026-06-04 9223372036854775807:20:23", "2026-06-04 10:20:23 1", "02026-06-04 10:20:23", "1780568423",
    ]
    for text in odd {
      #expect(!isLeftover("xtgateway/other", text), "\(text)")
      #expect(!isLeftover("xtgateway/other", "2020-01-01 00:00:00", now: text), "\(text)")
    }
  }

  @Test func times() {
    #expect(Leftovers.seconds("1970-01-01 00:00:00") == 0)
    #expect(Leftovers.seconds("2026-06-04 10:20:23") == 1_780_568_423)
    #expect(Leftovers.seconds("2026-06-04T10:20:23") == 1_780_568_423)
    #expect(Leftovers.seconds(" 2026--6-4 10:020:23:") == 1_780_568_423)
    #expect(Leftovers.seconds("2000-03-01 00:00:00").map { $0 - Leftovers.seconds("2000-02-28 00:00:00")! } == 2 * 86_400)
    #expect(Leftovers.seconds("2100-03-01 00:00:00").map { $0 - Leftovers.seconds("2100-02-28 00:00:00")! } == 86_400)
  }
}

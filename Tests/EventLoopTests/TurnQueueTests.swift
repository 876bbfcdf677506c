import Testing

@testable import EventLoop

private final class Turn: TurnWork {
  private let body: (Turn) -> Void
  init(_ body: @escaping (Turn) -> Void) { self.body = body }
  func runTurn() { body(self) }
}

@Suite struct TurnQueueTests {
  @Test func workRunsInOrderAndKeepsTheLoopAlive() throws {
    try withLoop { loop in
      var order: [Int] = []
      for number in 0..<100 { loop.enqueueNextTurn(Turn { _ in order.append(number) }) }
      #expect(order.isEmpty)
      loop.run()
      #expect(order == Array(0..<100))
      // And nothing holds the loop afterwards, so run() has returned; it may be used again.
      loop.enqueueNextTurn(Turn { _ in order = [] })
      loop.run()
      #expect(order.isEmpty)
    }
  }

  /// Work that never ends leaves time for everything else.
  @Test func timersRunBetweenTheTurns() throws {
    try withLoop { loop in
      var runs = 0
      var fired = false
      for _ in 0..<50 {
        loop.enqueueNextTurn(
          Turn { turn in
            runs += 1
            if !fired { loop.enqueueNextTurn(turn) }
          })
      }
      let timer = LoopTimer(loop: loop) { fired = true }
      timer.start(after: 5)
      loop.run()
      #expect(fired)
      #expect(runs > 50)
      timer.close()
    }
  }

  @Test func aTurnRunsOnlySoMuch() throws {
    try withLoop { loop in
      var runs = 0
      var atTheEnd: [Int] = []
      for number in 0..<(2 * TurnQueue.batch + 1) {
        loop.enqueueNextTurn(
          Turn { _ in
            runs += 1
            // Once a turn.
            if number % TurnQueue.batch == 0 { loop.enqueue(Work { atTheEnd.append(runs) }) }
          })
      }
      loop.run()
      #expect(atTheEnd == [TurnQueue.batch, 2 * TurnQueue.batch, 2 * TurnQueue.batch + 1])
    }
  }

  /// Deferred work of the batch runs within the turn.
  @Test func deferredWorkRunsAtItsEnd() throws {
    try withLoop { loop in
      var order: [String] = []
      loop.enqueueNextTurn(
        Turn { _ in
          loop.enqueue(Work { order.append("deferred") })
          loop.enqueueNextTurn(Turn { _ in order.append("next turn") })
          order.append("turn")
        })
      loop.run()
      #expect(order == ["turn", "deferred", "next turn"])
    }
  }

  /// However many connections wait, the program's own work comes every turn.
  @Test func ownTurnsDoNotWaitForOthers() throws {
    try withLoop { loop in
      var others = 0
      var own = 0
      for _ in 0..<200 {
        loop.enqueueNextTurn(
          Turn { turn in
            others += 1
            if own < 20 { loop.enqueueNextTurn(turn) }
          })
      }
      loop.enqueueOwnTurn(
        Turn { turn in
          own += 1
          if own < 20 { loop.enqueueOwnTurn(turn) }
        })
      loop.run()
      #expect(own == 20)
      // Twenty turns of sixteen, and what was left of the two hundred in the end.
      #expect(others <= 22 * TurnQueue.batch + 200)
    }
  }

  /// A socket's callback has kept the others waiting already.
  @Test func socketsComeFirst() throws {
    try withLoop { loop in
      var order: [String] = []
      let (client, server) = (Peer(), Peer())
      try connectPair(loop, client: client, server: server) { near, far in
        client.onRead = { _, _ in
          loop.enqueueNextTurn(Turn { _ in order.append("turn") })
          do { try near.send("?") } catch { Issue.record(error) }
        }
        server.onRead = { _, _ in
          order.append("socket")
          near.close()
          far.close()
        }
        do { try far.send("!") } catch { Issue.record(error) }
      }
      loop.run()
      #expect(order == ["socket", "turn"])
    }
  }

  @Test func whatWaitsWhenTheLoopClosesIsForgotten() throws {
    weak var freed: Turn?
    try withLoop { loop in
      let turn = Turn { _ in Issue.record("it must not run") }
      freed = turn
      loop.enqueueNextTurn(turn)
    }
    #expect(freed == nil)
  }
}

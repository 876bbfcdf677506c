import EventLoop
import Testing

@testable import HTTPClient

/// Connections are not made where a request begins, but a few in each turn of the loop.
@Suite struct ConnectTurnTests {
  private func isWaiting(_ transfer: HTTPTransfer) -> Bool { if case .waiting = transfer.state { true } else { false } }

  @Test func aBurstTakesTurns() throws {
    try withRig { rig in
      let recorders = (0..<40).map { _ in Recorder() }
      let transfers = recorders.map { rig.start(into: $0) }
      #expect(transfers.allSatisfy(isWaiting))
      // First come, first served: a sixteenth of those that wait, and at the end one by one.
      var left: [Int] = []
      while transfers.contains(where: isWaiting) {
        rig.client.runTurn()
        let first = transfers.firstIndex(where: isWaiting) ?? transfers.count
        #expect(transfers[first...].allSatisfy(isWaiting))
        left.append(transfers.count - first)
      }
      #expect(left == [37, 34, 31, 29, 27, 25, 23, 21, 19, 17, 15] + (0..<15).reversed())
      rig.run()
      #expect(recorders.allSatisfy { $0.body.text == "ok" })
    }
  }

  /// What is under way comes first.
  @Test func socketsAreLookedAfterBefore() throws {
    try withRig { rig in
      let running = Recorder()
      let late = Recorder()
      var second: HTTPTransfer?
      rig.server.onRequest = { connection, _ in
        guard second == nil else { return connection.respond("late") }
        connection.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst")
        second = rig.start(into: late)
      }
      var wasWaiting: Bool?
      running.onBytes = { _ in wasWaiting = second.map(isWaiting) }
      rig.start(into: running)
      rig.run()
      #expect(wasWaiting == true)
      #expect(running.body.text == "first" && late.body.text == "late")
      // Its turn came when the first one's connection had become idle.
      #expect(rig.server.connections.count == 1)
    }
  }

  @Test func whoIsCancelledMeanwhileTakesNoTurn() throws {
    try withRig { rig in
      let recorders = (0..<10).map { _ in Recorder() }
      let transfers = recorders.map { rig.start(into: $0) }
      for index in 0..<10 where index != 7 { transfers[index].cancel() }
      rig.client.runTurn()
      #expect(!isWaiting(transfers[7]))
      recorders[7].onEnd = { _ in rig.stop() }
      rig.run()
      #expect(recorders.map(\.body.text) == (0..<10).map { $0 == 7 ? "ok" : "" })
      #expect(rig.server.requests.count == 1 && rig.server.connections.count == 1)
      #expect(rig.client.activeTransfers == 0)
    }
  }

  @Test func closingEndsTheQueue() throws {
    try withRig { rig in
      let recorder = Recorder()
      rig.start(into: recorder)
      rig.client.close()
      rig.run(milliseconds: 20)
      #expect(recorder.ends.isEmpty && rig.server.connections.isEmpty)
    }
  }
}

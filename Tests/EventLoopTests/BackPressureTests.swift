import CUV
import Testing
import Wire

@testable import EventLoop

@Suite struct BackPressureTests {
  @Test func tryWriteStopsAndWriteWaitsForTheReader() throws {
    try withLoop { loop in
      let client = Peer()
      let server = Peer()
      let chunk = ByteBuffer([UInt8](repeating: 120, count: 100_000))
      var taken = 0
      var handedBack: ByteBuffer?
      server.onWritten = { connection, buffer in
        #expect(!connection.isWriting)
        handedBack = buffer
        connection.shutdown()
        connection.shutdown()
      }
      client.onEnd = { $0.close() }
      server.onEnd = { $0.close() }
      let rest = ByteBuffer([UInt8](repeating: 121, count: 3_000_000))
      var reader: LoopTimer?
      try connectPair(loop, client: client, server: server) { first, second in
        first.stopReading()
        do {
          while case let count = try second.tryWrite(chunk.bytes), count > 0 { taken += count }
          second.write(rest)
          #expect(second.isWriting)
          #expect(try second.tryWrite(chunk.bytes) == 0)
        } catch { Issue.record(error) }
        // Reading starts only when the socket has been full for a while.
        reader = LoopTimer(loop: loop) {
          #expect(handedBack == nil)
          first.startReading()
          reader?.close()
          reader = nil
        }
        reader?.start(after: 30)
        client.onRead = { [unowned client] connection, _ in if client.received.count == taken + 3_000_000 { connection.shutdown() }
        }
      }
      loop.run()
      #expect(handedBack === rest)
      #expect(rest.isEmpty)
      #expect(client.received.count == taken + 3_000_000)
      #expect(client.received.bytes.last == 121)
    }
  }

  @Test func emptyWriteIsAnsweredToo() throws {
    try withLoop { loop in
      let server = Peer()
      var written = 0
      server.onWritten = { connection, _ in
        written += 1
        connection.close()
      }
      let client = Peer()
      client.onEnd = { $0.close() }
      try connectPair(loop, client: client, server: server) { _, second in second.write(ByteBuffer()) }
      loop.run()
      #expect(written == 1)
    }
  }

  /// `how`: what ends a connection whose write (and shutdown) still waits for a peer that does not read.
  @Test(arguments: ["close", "reset", "reset while shutting down"]) func closingDropsWaitingWrites(how: String) throws {
    try withLoop { loop in
      let server = Peer()
      server.onWritten = { _, _ in Issue.record("a call after close") }
      server.onFail = { _, error in Issue.record("a call after close: \(error)") }
      let client = Peer()
      // libuv reports a reset behind unread data as an end: only a write tells it from a FIN.
      var canStillWrite: Bool?
      client.onEnd = { connection in
        canStillWrite = (try? connection.tryWrite(text: "x")) == 1
        connection.close()
      }
      weak var dropped: ByteBuffer?
      try connectPair(loop, client: client, server: server) { first, second in
        first.stopReading()
        let buffer = ByteBuffer([UInt8](repeating: 0, count: 20_000_000))
        dropped = buffer
        second.write(buffer)
        if how == "reset while shutting down" { second.shutdown() }
        if how == "close" { second.close() } else { second.reset() }
        first.startReading()
      }
      loop.run()
      #expect(canStillWrite == (how == "close"))
      #expect(client.received.count < 20_000_000)
      #expect(dropped == nil)
    }
  }

  @Test func closedInsideItsReadCallback() throws {
    try withLoop { loop in
      let server = Peer()
      server.onRead = { connection, _ in connection.close() }
      let client = Peer()
      client.onEnd = { $0.close() }
      client.onFail = { connection, _ in connection.close() }
      try connectPair(loop, client: client, server: server) { first, _ in
        #expect(throws: Never.self) { try first.send("bye") }
      }
      loop.run()
      #expect(server.received.text == "bye")
    }
  }
}

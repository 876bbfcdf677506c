import EventLoop
import Testing
import Wire

@testable import HTTPClient

@Suite struct PauseTests {
  /// 64 MiB against a reader that stops: only socket buffers may fill, and afterwards every byte must be there in order.
  @Test(arguments: [true, false]) func flood(chunked: Bool) throws {
    try withRig { rig in
      let block = (0..<65536).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      let total = 64 * 1024 * 1024
      var sent = 0
      rig.server.onRequest = { connection, _ in
        let framing = chunked ? "transfer-encoding: chunked" : "content-length: \(total)"
        connection.send("HTTP/1.1 200 OK\r\n\(framing)\r\n\r\n")
        func more() {
          guard sent < total else { return chunked ? connection.send("0\r\n\r\n") : () }
          let buffer = ByteBuffer(chunked ? "10000\r\n" : "")
          buffer.append(block)
          if chunked { buffer.append("\r\n" as StaticString) }
          sent += block.count
          connection.tcp.write(buffer)
        }
        connection.onWritten = { more() }
        more()
      }
      let recorder = Recorder()
      recorder.keepsPieces = false
      var transfer: HTTPTransfer?
      var received = 0
      var isIntact = true
      recorder.onBytes = { current in
        for (index, byte) in recorder.body.bytes.enumerated() where byte != block[(received + index) & 0xffff] { isIntact = false }
        received += recorder.body.count
        recorder.body.removeAll()
        if received == 0 || transfer == nil {
          transfer = current
          current.pause()
        }
      }
      rig.start(into: recorder)
      rig.run(milliseconds: 300)
      let atPause = received
      let sentAtPause = sent
      #expect(transfer?.isPaused == true)
      #expect(atPause > 0 && atPause <= rig.client.configuration.readSize)
      #expect(sentAtPause < 24 * 1024 * 1024)
      rig.run(milliseconds: 100)
      #expect(received == atPause)
      #expect(sent == sentAtPause)
      transfer?.resume()
      #expect(transfer?.isPaused == false)
      rig.run()
      #expect(recorder.isComplete)
      #expect(received == total)
      #expect(isIntact)
    }
  }

  @Test func pausedAgainAndAgain() throws {
    try withRig { rig in
      rig.server.onRequest = { connection, _ in
        connection.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for number in 0..<100 { connection.chunk("<\(number)>") }
        connection.send("0\r\n\r\n")
      }
      let recorder = Recorder()
      var current: HTTPTransfer?
      let timer = LoopTimer(loop: rig.loop) { current?.resume() }
      timer.start(after: 1, repeating: 1)
      recorder.onHead = { transfer in
        current = transfer
        transfer.pause()
      }
      recorder.onBytes = { $0.pause() }
      rig.start(into: recorder)
      rig.run()
      timer.close()
      #expect(recorder.isComplete)
      #expect(recorder.body.text == (0..<100).map { "<\($0)>" }.joined())
    }
  }

  @Test func pauseAndResumeWithinOneCallbackIsNothing() throws {
    try withRig { rig in
      let recorder = Recorder()
      recorder.onHead = { transfer in
        transfer.pause()
        transfer.resume()
        transfer.resume()
      }
      rig.start(into: recorder)
      rig.run()
      #expect(recorder.isComplete)
      #expect(recorder.body.text == "ok")
    }
  }

  /// From inside one transfer's callback another one is resumed, which may not happen on the spot.
  @Test func resumedFromAnotherTransfersCallback() throws {
    try withRig { rig in
      var isInside = false
      let first = Recorder()
      let second = Recorder()
      var held: HTTPTransfer?
      first.onHead = { transfer in
        held = transfer
        transfer.pause()
      }
      first.onBytes = { _ in #expect(!isInside) }
      second.onBytes = { _ in
        isInside = true
        held?.resume()
        isInside = false
      }
      rig.start(into: first)
      for _ in 0..<100 where held?.isHeld != true { rig.run(milliseconds: 10) }
      #expect(held?.isHeld == true)
      #expect(first.body.isEmpty)
      rig.start(into: second)
      rig.run()
      #expect(first.isComplete && second.isComplete)
      #expect(first.body.text == "ok")
    }
  }
}

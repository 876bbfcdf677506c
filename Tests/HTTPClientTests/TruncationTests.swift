import EventLoop
import Testing
import Wire

@testable import HTTPClient

/// The upstream dies after each byte of its answer.
@Suite struct TruncationTests {
  static let answers = [
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nT: u\r\n\r\n",
  ]

  @Test(arguments: answers, [true, false]) func everyByte(answer: String, byReset: Bool) throws {
    try withRig { rig in
      let bytes = Array(answer.utf8)
      for length in 0...bytes.count {
        let recorder = Recorder()
        rig.server.onRequest = { connection, _ in
          connection.send(String(decoding: bytes[..<length], as: UTF8.self))
          guard byReset else { return connection.close() }
          // What was sent is to be read first.
          let timer = Box<LoopTimer?>(nil)
          timer.value = LoopTimer(loop: rig.loop) {
            connection.reset()
            timer.value?.close()
          }
          timer.value?.start(after: 2)
        }
        rig.start(.post, body: [part("x")], mayBeSentTwice: true, into: recorder)
        rig.run()
        rig.run(milliseconds: byReset ? 5 : 0)
        let expected: HTTPClientError.Kind? = length == bytes.count ? nil : length == 0 ? .noResponse : .brokenResponse
        #expect(recorder.error?.kind == expected, "after \(length) bytes: \(recorder.error?.message ?? "complete")")
        #expect("hello".hasPrefix(recorder.body.text))
      }
    }
  }

  @Test func aThousandAtOnceOfWhichManyPause() throws {
    try withRig { rig in
      let count = 1000
      var servers: [ServerConnection] = []
      rig.server.onRequest = { connection, _ in
        servers.append(connection)
        guard servers.count == count else { return }
        for server in servers {
          server.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
          for number in 0..<5 { server.chunk("<\(number)>") }
          server.send("0\r\n\r\n")
        }
      }
      var paused: [HTTPTransfer] = []
      let recorders = (0..<count).map { _ in Recorder() }
      for (number, recorder) in recorders.enumerated() {
        if number % 2 == 0 {
          recorder.onHead = { transfer in
            transfer.pause()
            paused.append(transfer)
          }
        }
        rig.start(into: recorder)
      }
      rig.run(milliseconds: 2000)
      #expect(paused.count == count / 2)
      #expect(recorders.count(where: \.isComplete) == count / 2)
      #expect(rig.client.activeTransfers == count / 2)
      for transfer in paused { transfer.resume() }
      rig.run()
      #expect(recorders.allSatisfy { $0.isComplete && $0.body.text == "<0><1><2><3><4>" })
    }
  }

  @Test func connectionsOverIPv6() throws {
    try withRig { rig in
      let listener: TCPListener
      do { listener = try TCPListener(loop: rig.loop, host: "::1", port: 0, delegate: rig.server) } catch { return }
      defer { listener.close() }
      let recorder = Recorder()
      rig.start(url: "http://[::1]:\(listener.port)/", into: recorder)
      rig.run()
      #expect(recorder.isComplete)
      #expect(rig.server.requests.first?.header("host") == "[::1]:\(listener.port)")
    }
  }
}

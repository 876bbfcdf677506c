import EventLoop
import Glibc
import Testing
import Wire

@testable import HTTPClient

@Suite struct CancelTests {
  @Test func beforeConnecting() throws {
    try withRig { rig in
      let recorder = Recorder()
      let transfer = rig.start(into: recorder)
      transfer.cancel()
      transfer.cancel()
      transfer.pause()
      transfer.resume()
      #expect(rig.client.activeTransfers == 0)
      rig.run(milliseconds: 30)
      #expect(recorder.heads.isEmpty && recorder.ends.isEmpty)
      #expect(rig.server.requests.isEmpty)
    }
  }

  @Test(arguments: ["request", "head", "bytes", "paused", "next turn"]) func ends(moment: String) throws {
    try withRig { rig in
      let recorder = Recorder()
      var transfer: HTTPTransfer?
      let later = LoopTimer(loop: rig.loop) { transfer?.cancel() }
      rig.server.onRequest = { connection, _ in
        connection.onOver = { rig.stop() }
        if moment == "request" { return transfer!.cancel() }
        connection.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        connection.chunk("one")
        connection.chunk("two")
      }
      recorder.onHead = { transfer in
        if moment == "head" { transfer.cancel() }
        if moment == "paused" {
          transfer.pause()
          later.start(after: 20)
        }
      }
      recorder.onBytes = { transfer in
        if moment == "bytes" { transfer.cancel() }
        if moment == "next turn" { later.start(after: 0) }
      }
      transfer = rig.start(into: recorder)
      rig.run()
      // The connection is gone, and nothing was told after cancel.
      #expect(rig.server.connections.count == 1)
      #expect(rig.server.connections[0].isOver)
      #expect(rig.client.activeTransfers == 0)
      #expect(recorder.ends.isEmpty)
      #expect(recorder.heads.count == (moment == "request" ? 0 : 1))
      #expect(recorder.pieces.isEmpty == (moment != "bytes" && moment != "next turn"))
      if moment == "bytes" { #expect(recorder.pieces.count == 1) }
      later.close()
    }
  }

  @Test func whileUploading() throws {
    try withRig { rig in
      let recorder = Recorder()
      let transfer = rig.start(.post, body: [part(String(repeating: "x", count: 50_000_000))], into: recorder)
      rig.run(milliseconds: 20)
      transfer.cancel()
      #expect(rig.client.activeTransfers == 0)
      rig.run(milliseconds: 50)
      #expect(recorder.ends.isEmpty)
    }
  }

  @Test func withinTheEndNothingHappens() throws {
    try withRig { rig in
      let recorder = Recorder()
      recorder.onEnd = { $0.cancel() }
      rig.start(into: recorder)
      rig.run()
      #expect(recorder.isComplete)
      // It was complete: its connection stays.
      rig.start(into: Recorder())
      rig.run()
      #expect(rig.server.connections.count == 1)
    }
  }

  /// Transfers start, end and cancel each other from inside callbacks.
  @Test(arguments: ["head", "bytes", "end"]) func startedAndCancelledInsideCallbacks(moment: String) throws {
    try withRig { rig in
      let (outer, inner, victim) = (Recorder(), Recorder(), Recorder())
      rig.server.onRequest = { connection, request in if !request.line.contains("silent") { connection.respond("ok") } }
      let silent = rig.client.start(
        HTTPClientRequest(
          method: .get, base: HTTPBaseURL(rig.url), path: "/silent", headers: HTTPClientHeaders([]), mayBeSentTwice: false),
        delegate: victim)
      let act = {
        silent.cancel()
        rig.start(into: inner)
        rig.client.start(
          HTTPClientRequest(
            method: .get, base: HTTPBaseURL(rig.url), path: "/", headers: HTTPClientHeaders([]), mayBeSentTwice: false),
          delegate: victim
        ).cancel()
      }
      switch moment {
      case "head": outer.onHead = { _ in act() }
      case "bytes": outer.onBytes = { _ in act() }
      default: outer.onEnd = { _ in act() }
      }
      rig.start(into: outer)
      rig.run()
      #expect(outer.isComplete && inner.isComplete)
      #expect(victim.heads.isEmpty && victim.ends.isEmpty)
      #expect(rig.client.activeTransfers == 0)
    }
  }

  @Test(arguments: ["head", "bytes", "end"]) func clientClosedInsideCallbacks(moment: String) throws {
    try withRig { rig in
      let (recorder, other) = (Recorder(), Recorder())
      rig.server.onRequest = { connection, request in if request.line.contains("answer") { connection.respond("ok") } }
      rig.start(into: other)
      let close = {
        rig.client.close()
        rig.stop()
      }
      switch moment {
      case "head": recorder.onHead = { _ in close() }
      case "bytes": recorder.onBytes = { _ in close() }
      default: recorder.onEnd = { _ in close() }
      }
      rig.start(.get, "answer", into: recorder)
      rig.run()
      #expect(rig.client.activeTransfers == 0)
      #expect(recorder.ends.count == (moment == "end" ? 1 : 0))
      #expect(other.ends.isEmpty)
    }
  }

  @Test func everythingIsFreed() throws {
    weak var loop: EventLoop?
    weak var client: HTTPClient?
    weak var connection: TCPConnection?
    weak var body: ByteBuffer?
    final class Weak { weak var transfer: HTTPTransfer? }
    let (complete, cancelled, failed) = (Weak(), Weak(), Weak())
    try withRig { rig in
      let buffer = ByteBuffer("body")
      (loop, client, body) = (rig.loop, rig.client, buffer)
      complete.transfer = rig.start(.post, body: [HTTPClientBodyPart(buffer)], into: Recorder())
      failed.transfer = rig.start(url: "ftp://127.0.0.1/", into: Recorder())
      rig.run()
      connection = rig.server.connections.first?.tcp
      let transfer = rig.start(into: Recorder())
      cancelled.transfer = transfer
      transfer.cancel()
      #expect(complete.transfer == nil && failed.transfer == nil)
    }
    #expect(cancelled.transfer == nil)
    #expect(loop == nil && client == nil && connection == nil && body == nil)
  }

  @Test func nothingIsLeftBehind() async {
    await #expect(processExitsWith: .success) {
      func cycle() throws {
        try withRig { rig in
          rig.server.onRequest = { connection, request in
            if request.line.contains("answer") {
              connection.respond("ok")
            } else {
              connection.send("HTTP/1.1 200 OK\r\n\r\nendless")
            }
          }
          for _ in 0..<20 {
            let endless = Recorder()
            endless.onBytes = { $0.pause() }
            rig.client.start(
              HTTPClientRequest(
                method: .get, base: HTTPBaseURL(rig.url), path: "/", headers: HTTPClientHeaders([]), mayBeSentTwice: false),
              delegate: endless)
            rig.start(.get, "answer", into: Recorder())
          }
          rig.run()
        }
      }
      func openDescriptors() -> Int { (0..<1024).count { fcntl(Int32($0), F_GETFD) >= 0 } }
      try cycle()
      let before = openDescriptors()
      for _ in 0..<20 { try cycle() }
      // The test runner itself opens one now and then.
      #expect(openDescriptors() < before + 10)
    }
  }
}

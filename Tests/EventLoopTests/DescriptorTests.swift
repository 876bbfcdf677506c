import CUV
import Glibc
import Testing
import Wire

@testable import EventLoop

/// What concerns the process's descriptors runs in a process of its own.
@Suite struct DescriptorTests {
  @Test func shortOfDescriptorsListeningPausesAndRecovers() async {
    await #expect(processExitsWith: .success) {
      try withLoop { loop in
        var waiting: [TCPConnection] = []
        var accepted = 0
        var echoed = 0
        let server = Peer()
        server.onRead = { connection, bytes in _ = try? connection.tryWrite(bytes) }
        let client = Peer()
        var running: (TCPConnection, TCPConnection)?
        client.onRead = { connection, _ in
          echoed += 1
          try? connection.send("x")
        }
        try connectPair(loop, client: client, server: server) {
          running = ($0, $1)
          loop.stop()
        }
        loop.run()

        let delegate = FailureCounter()
        let listener = try TCPListener(loop: loop, host: "127.0.0.1", port: 0, delegate: delegate)
        for _ in 0..<3 {
          waiting.append(try .connect(loop: loop, host: "127.0.0.1", port: listener.port) { _, error in #expect(error == nil) })
        }
        setDescriptorLimit(to: 128)
        useUpDescriptors()
        // The test runner gives one back now and then.
        let filler = LoopTimer(loop: loop) { if delegate.failures < 2 { useUpDescriptors() } }
        filler.start(after: 1, repeating: 1)
        var echoedAtFirstFailure = 0
        delegate.onFail = { [unowned delegate] error in
          #expect(error == UVError(UV_EMFILE))
          if delegate.failures == 1 { echoedAtFirstFailure = echoed }
          if delegate.failures == 2 {
            #expect(echoed > echoedAtFirstFailure + 1)
            setDescriptorLimit(to: 256)
          }
        }
        delegate.onAccept = { connection in
          accepted += 1
          connection.close()
          if accepted == 3 { loop.stop() }
        }
        try running!.0.send("x")
        loop.run()
        #expect(accepted == 3)
        #expect(delegate.failures == 2)
        for connection in waiting + [running!.0, running!.1] { connection.close() }
        listener.close()
        filler.close()
      }
    }
  }

  @Test func closedLoopsLeaveNoDescriptor() async {
    await #expect(processExitsWith: .success) {
      func cycle() throws {
        try withLoop { loop in
          let listener = try TCPListener(loop: loop, host: "127.0.0.1", port: 0, delegate: Acceptor { $0.reset() })
          var left = 10
          for _ in 0..<10 {
            let client = Peer()
            client.onEnd = { $0.close() }
            client.onFail = { connection, _ in connection.close() }
            _ = try TCPConnection.connect(loop: loop, host: "127.0.0.1", port: listener.port) { connection, _ in
              connection.delegate = client
              connection.startReading()
              left -= 1
              if left == 0 { listener.close() }
            }
          }
          let signal = try SignalHandle(loop: loop, signal: SIGWINCH) {}
          loop.run()
          signal.close()
        }
      }
      // The first loop opens what libuv keeps for the process (the signal pipe).
      try cycle()
      let before = openDescriptors()
      for _ in 0..<50 { try cycle() }
      // The test runner itself opens one now and then.
      #expect(openDescriptors() < before + 10)
    }
  }
}

private final class FailureCounter: TCPListenerDelegate {
  var failures = 0
  var onFail: (UVError) -> Void = { _ in }
  var onAccept: (TCPConnection) -> Void = { _ in }
  func listener(_ listener: TCPListener, didAccept connection: TCPConnection) { onAccept(connection) }
  func listener(_ listener: TCPListener, didFail error: UVError) {
    failures += 1
    onFail(error)
  }
}

private func openDescriptors() -> Int { (0..<1024).count { fcntl(Int32($0), F_GETFD) >= 0 } }

private func setDescriptorLimit(to count: Int) {
  var limit = rlimit()
  precondition(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
  limit.rlim_cur = rlim_t(count)
  precondition(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
}

private func useUpDescriptors() { while dup(0) >= 0 {} }

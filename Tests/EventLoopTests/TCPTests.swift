import CUV
import Glibc
import Testing
import Wire

@testable import EventLoop

@Suite struct TCPTests {
  @Test func echoBothEndsAndFIN() throws {
    try withLoop { loop in
      let client = Peer()
      let server = Peer()
      server.onRead = { connection, bytes in _ = try? connection.tryWrite(bytes) }
      server.onEnd = { $0.close() }
      client.onRead = { [unowned client] connection, _ in if client.received.text == "hello" { connection.shutdown() } }
      client.onEnd = { $0.close() }
      try connectPair(loop, client: client, server: server) { first, second in
        #expect(second.peerAddress == "127.0.0.1")
        #expect(first.peerAddress == "127.0.0.1")
        #expect(throws: Never.self) { try first.send("hello") }
      }
      loop.run()
      #expect(client.received.text == "hello")
      #expect(server.received.text == "hello")
      #expect(client.errors.isEmpty && server.errors.isEmpty)
    }
  }

  @Test(arguments: ["0.0.0.0", "255.255.255.255", "1.20.100.9", "10.0.99.200", "127.0.0.1", "2001:db8::1", "::1", "::ffff:0:0"])
  func addressesAsTexts(_ address: String) throws {
    #expect(try SocketAddress(host: address, port: 80).text == (address == "::ffff:0:0" ? "0.0.0.0" : address))
  }

  @Test(arguments: ["::1", "::"]) func listensOnIPv6(host: String) throws {
    try withLoop { loop in
      var addresses: [String] = []
      var listener: TCPListener?
      listener = try TCPListener(
        loop: loop, host: host, port: 0,
        delegate: Acceptor { connection in
          addresses.append(connection.peerAddress)
          connection.close()
          listener?.close()
        })
      // A dual-stack socket names IPv4 peers in IPv4's form.
      let target = host == "::" ? "127.0.0.1" : "::1"
      _ = try TCPConnection.connect(loop: loop, host: target, port: listener!.port) { connection, _ in connection.close() }
      loop.run()
      #expect(addresses == [target])
    }
  }

  @Test func acceptedAndOutgoingConnectionsDoNotDelay() throws {
    try withLoop { loop in
      try connectPair(loop, client: Peer(), server: Peer()) { first, second in
        for connection in [first, second] {
          var descriptor: Int32 = -1
          #expect(uv_fileno(connection.handle, &descriptor) == 0)
          var value: Int32 = 0
          var length = socklen_t(MemoryLayout<Int32>.size)
          #expect(getsockopt(descriptor, 6, TCP_NODELAY, &value, &length) == 0)
          #expect(value != 0)
          connection.close()
        }
      }
      loop.run()
    }
  }

  @Test func takenPortIsReported() throws {
    try withLoop { loop in
      let delegate = Acceptor { $0.close() }
      let listener = try TCPListener(loop: loop, host: "localhost", port: 0, delegate: delegate)
      #expect(throws: UVError(UV_EADDRINUSE)) {
        try TCPListener(loop: loop, host: "127.0.0.1", port: listener.port, delegate: delegate)
      }
      let shared = try TCPListener(loop: loop, host: "127.0.0.1", port: 0, reusePort: true, delegate: delegate)
      let second = try TCPListener(loop: loop, host: "127.0.0.1", port: shared.port, reusePort: true, delegate: delegate)
      #expect(shared.port == second.port)
      for listener in [listener, shared, second] { listener.close() }
    }
  }

  @Test(arguments: [("example.org", 80), ("127.0.0.1", 65536), ("127.0.0.1", -1), ("", 80), ("1.2.3", 80)])
  func impossibleAddresses(host: String, port: Int) throws {
    try withLoop { loop in
      #expect(throws: UVError(UV_EINVAL)) { try TCPListener(loop: loop, host: host, port: port, delegate: Acceptor { _ in }) }
      #expect(throws: UVError(UV_EINVAL)) { try TCPConnection.connect(loop: loop, host: host, port: port) { _, _ in } }
    }
  }

  @Test func refusedConnect() throws {
    try withLoop { loop in
      let listener = try TCPListener(loop: loop, host: "127.0.0.1", port: 0, delegate: Acceptor { _ in })
      listener.close()
      var error: UVError?
      _ = try TCPConnection.connect(loop: loop, host: "127.0.0.1", port: listener.port) { connection, failure in
        error = failure
        connection.close()
      }
      loop.run()
      #expect(error == UVError(UV_ECONNREFUSED))
    }
  }

  @Test func closeBeforeConnectedTellsNothing() throws {
    try withLoop { loop in
      let listener = try TCPListener(loop: loop, host: "127.0.0.1", port: 0, delegate: Acceptor { $0.close() })
      var told = false
      let connection = try TCPConnection.connect(loop: loop, host: "127.0.0.1", port: listener.port) { _, _ in told = true }
      connection.close()
      connection.close()
      listener.close()
      loop.run()
      #expect(!told)
      #expect(throws: UVError(UV_ECANCELED)) { try connection.tryWrite(text: "x") }
    }
  }

  @Test func resetReachesThePeer() throws {
    try withLoop { loop in
      let client = Peer()
      client.onFail = { connection, _ in connection.close() }
      client.onEnd = { _ in Issue.record("FIN instead of RST") }
      try connectPair(loop, client: client, server: Peer()) { _, second in second.reset() }
      loop.run()
      #expect(client.errors == [UVError(UV_ECONNRESET)])
    }
  }

  @Test func writingToADeadPeerFailsAndDoesNotKill() throws {
    try withLoop { loop in
      let client = Peer()
      var thrown: UVError?
      try connectPair(loop, client: client, server: Peer()) { first, second in
        first.stopReading()
        second.reset()
        let timer = LoopTimer(loop: loop) {
          // The first attempt takes the pending reset, the second meets a dead socket (EPIPE, SIGPIPE ignored).
          for _ in 0..<2 { do throws(UVError) { _ = try first.tryWrite(text: "x") } catch { thrown = error } }
          first.write(ByteBuffer("x"))
        }
        client.onFail = { connection, _ in
          connection.close()
          timer.close()
        }
        timer.start(after: 10)
      }
      loop.run()
      #expect(thrown == UVError(UV_EPIPE))
      #expect(client.errors == [UVError(UV_EPIPE)])
    }
  }
}

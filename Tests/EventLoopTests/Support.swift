import Testing
import Wire

@testable import EventLoop

/// A loop that ends by itself should something it waits for never come, so that a test fails instead of hanging.
func withLoop(_ body: (EventLoop) throws -> Void) throws {
  let loop = try EventLoop()
  let guardian = LoopTimer(loop: loop) {
    Issue.record("the loop had to be stopped")
    loop.stop()
  }
  guardian.keepsLoopAlive(false)
  guardian.start(after: 20000)
  defer {
    guardian.close()
    loop.close()
  }
  try body(loop)
}

final class Work: DeferredWork {
  private let body: () -> Void
  init(_ body: @escaping () -> Void) { self.body = body }
  func runDeferred() { body() }
}

final class Acceptor: TCPListenerDelegate {
  var errors: [UVError] = []
  private let accepted: (TCPConnection) -> Void
  init(_ accepted: @escaping (TCPConnection) -> Void) { self.accepted = accepted }
  func listener(_ listener: TCPListener, didAccept connection: TCPConnection) { accepted(connection) }
  func listener(_ listener: TCPListener, didFail error: UVError) { errors.append(error) }
}

/// A connection's delegate out of closures; what is not given does nothing.
final class Peer: TCPConnectionDelegate {
  var received = ByteBuffer()
  var errors: [UVError] = []
  var onRead: (TCPConnection, UnsafeRawBufferPointer) -> Void = { _, _ in }
  var onEnd: (TCPConnection) -> Void = { _ in }
  var onFail: (TCPConnection, UVError) -> Void = { _, _ in }
  var onWritten: (TCPConnection, ByteBuffer) -> Void = { _, _ in }

  func connection(_ connection: TCPConnection, didRead bytes: UnsafeRawBufferPointer) {
    received.append(bytes)
    onRead(connection, bytes)
  }
  func connectionDidReadEnd(_ connection: TCPConnection) { onEnd(connection) }
  func connection(_ connection: TCPConnection, didFail error: UVError) {
    errors.append(error)
    onFail(connection, error)
  }
  func connection(_ connection: TCPConnection, didWrite buffer: ByteBuffer) { onWritten(connection, buffer) }
}

/// A connected pair over loopback: `ready` gets the client's and the server's end, both reading. The caller closes them.
func connectPair(_ loop: EventLoop, client: Peer, server: Peer, ready: @escaping (TCPConnection, TCPConnection) -> Void) throws {
  var ends: (client: TCPConnection?, server: TCPConnection?) = (nil, nil)
  var listener: TCPListener?
  func settle() {
    guard let first = ends.client, let second = ends.server else { return }
    listener?.close()
    ends = (nil, nil)
    ready(first, second)
  }
  let acceptor = Acceptor { connection in
    connection.delegate = server
    connection.startReading()
    ends.server = connection
    settle()
  }
  listener = try TCPListener(loop: loop, host: "127.0.0.1", port: 0, delegate: acceptor)
  _ = try TCPConnection.connect(loop: loop, host: "127.0.0.1", port: listener!.port) { connection, error in
    #expect(error == nil)
    connection.delegate = client
    connection.startReading()
    ends.client = connection
    settle()
  }
}

extension TCPConnection {
  /// For short texts, which a fresh socket always takes whole.
  func send(_ text: String) throws { #expect(try tryWrite(text: text) == text.utf8.count) }

  func tryWrite(text: String) throws(UVError) -> Int {
    let buffer = ByteBuffer(text)
    defer { withExtendedLifetime(buffer) {} }
    return try tryWrite(buffer.bytes)
  }
}

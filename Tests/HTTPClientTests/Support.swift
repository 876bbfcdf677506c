import EventLoop
import Testing
import Wire

@testable import HTTPClient

/// A request as the test server saw it.
struct SeenRequest {
  let head: String
  let body: String
  var line: String { String(head.prefix { $0 != "\r\n" }) }
  func header(_ name: String) -> String? {
    for line in head.split(separator: "\r\n").dropFirst() where line.lowercased().hasPrefix("\(name): ") {
      return String(line.dropFirst(name.count + 2))
    }
    return nil
  }
}

/// A server that a test scripts; knows just enough HTTP to tell requests apart.
final class TestServer: TCPListenerDelegate {
  private var listener: TCPListener?
  private(set) var connections: [ServerConnection] = []
  private(set) var requests: [SeenRequest] = []
  var onRequest: (ServerConnection, SeenRequest) -> Void = { connection, _ in connection.respond("ok") }

  init(_ loop: EventLoop) throws { listener = try TCPListener(loop: loop, host: "127.0.0.1", port: 0, delegate: self) }
  var port: Int { listener?.port ?? 0 }

  func listener(_ listener: TCPListener, didAccept connection: TCPConnection) {
    connections.append(ServerConnection(connection, self))
  }
  func listener(_ listener: TCPListener, didFail error: UVError) { Issue.record(error) }
  func saw(_ request: SeenRequest, on connection: ServerConnection) {
    requests.append(request)
    onRequest(connection, request)
  }
  func close() {
    onRequest = { _, _ in }
    for connection in connections {
      (connection.onOver, connection.onWritten) = ({}, {})
      connection.close()
    }
    listener?.close()
    listener = nil
  }
}

final class ServerConnection: TCPConnectionDelegate {
  let tcp: TCPConnection
  private unowned let server: TestServer
  private let unread = ByteBuffer()
  /// Whether the client is gone.
  private(set) var isOver = false
  var onOver: () -> Void = {}
  var onWritten: () -> Void = {}

  init(_ tcp: TCPConnection, _ server: TestServer) {
    (self.tcp, self.server) = (tcp, server)
    tcp.delegate = self
    tcp.startReading()
  }

  func send(_ text: String) {
    let buffer = ByteBuffer(text)
    do { #expect(try tcp.tryWrite(buffer.bytes) == buffer.count) } catch { Issue.record(error) }
    withExtendedLifetime(buffer) {}
  }
  func respond(_ body: String, status: String = "200 OK") {
    send("HTTP/1.1 \(status)\r\ncontent-type: text/plain\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)")
  }
  func chunk(_ text: String) { send("\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n") }
  func close() { tcp.close() }
  func reset() { tcp.reset() }

  func connection(_ connection: TCPConnection, didRead bytes: UnsafeRawBufferPointer) {
    unread.append(bytes)
    while connection.isOpen, let request = next() { server.saw(request, on: self) }
  }
  func connectionDidReadEnd(_ connection: TCPConnection) { over() }
  func connection(_ connection: TCPConnection, didFail error: UVError) { over() }
  func connection(_ connection: TCPConnection, didWrite buffer: ByteBuffer) { onWritten() }

  private func over() {
    isOver = true
    tcp.close()
    onOver()
  }

  private func next() -> SeenRequest? {
    var end: Int?
    for index in 0..<max(0, unread.count - 3) where unread.bytes[index..<index + 4].elementsEqual("\r\n\r\n".utf8) {
      end = index + 4
      break
    }
    guard let end else { return nil }
    let head = SeenRequest(head: String(decoding: unread.bytes.prefix(end), as: UTF8.self), body: "")
    let length = Int(head.header("content-length") ?? "0")!
    guard unread.count >= end + length else { return nil }
    let body = String(decoding: unread.bytes[end..<end + length], as: UTF8.self)
    unread.consume(end + length)
    return SeenRequest(head: head.head, body: body)
  }
}

/// What a transfer told.
final class Recorder: HTTPTransferDelegate {
  private(set) var heads: [HTTPClientResponseHead] = []
  private(set) var pieces: [String] = []
  let body = ByteBuffer()
  private(set) var ends: [HTTPClientError?] = []
  /// Pieces are not kept where there are many.
  var keepsPieces = true
  var onHead: (HTTPTransfer) -> Void = { _ in }
  var onBytes: (HTTPTransfer) -> Void = { _ in }
  var onEnd: (HTTPTransfer) -> Void = { _ in }

  var error: HTTPClientError? { ends.last ?? nil }
  var isComplete: Bool { ends == [nil] }

  func transfer(_ transfer: HTTPTransfer, didReceiveHead head: HTTPClientResponseHead) {
    #expect(ends.isEmpty && body.isEmpty)
    heads.append(head)
    onHead(transfer)
  }
  func transfer(_ transfer: HTTPTransfer, didReceive bytes: UnsafeRawBufferPointer) {
    #expect(heads.count == 1 && ends.isEmpty && !transfer.isPaused)
    body.append(bytes)
    if keepsPieces { pieces.append(String(decoding: bytes, as: UTF8.self)) }
    onBytes(transfer)
  }
  func transfer(_ transfer: HTTPTransfer, didEnd error: HTTPClientError?) {
    ends.append(error)
    #expect(ends.count == 1)
    onEnd(transfer)
  }
}

/// Loop, server and client of a test. `run` returns when every transfer has ended, or at `stop`.
final class Rig {
  let loop: EventLoop
  let server: TestServer
  let client: HTTPClient
  private var unfinished = 0
  private var recorders: [Recorder] = []
  var url: String { "http://127.0.0.1:\(server.port)/" }

  init(_ configuration: HTTPClientConfiguration) throws {
    loop = try EventLoop()
    server = try TestServer(loop)
    client = HTTPClient(loop: loop, configuration: configuration)
  }

  @discardableResult func start(
    _ method: HTTPClientRequest.Method = .get, _ path: String = "", url: String? = nil, headers: [String] = [],
    body: [HTTPClientBodyPart] = [], mayBeSentTwice: Bool = false, into recorder: Recorder
  ) -> HTTPTransfer {
    unfinished += 1
    recorders.append(recorder)
    let onEnd = recorder.onEnd
    recorder.onEnd = { [self] transfer in
      onEnd(transfer)
      unfinished -= 1
      if unfinished == 0 { loop.stop() }
    }
    let request = HTTPClientRequest(
      method: method, base: HTTPBaseURL(url ?? self.url + path), path: "", headers: HTTPClientHeaders(headers), body: body,
      mayBeSentTwice: mayBeSentTwice)
    return client.start(request, delegate: recorder)
  }

  /// Closes everything, and cuts the cycles that hooks make. Whatever is left open traps when the loop is closed.
  func close() {
    client.close()
    #expect(client.activeTransfers == 0)
    server.close()
    for recorder in recorders { (recorder.onHead, recorder.onBytes, recorder.onEnd) = ({ _ in }, { _ in }, { _ in }) }
    loop.close()
  }

  func run() { loop.run() }
  func stop() { loop.stop() }
  /// Runs the loop for a while, for what is to be shown not to happen.
  func run(milliseconds: UInt64) {
    let timer = LoopTimer(loop: loop) { [self] in stop() }
    timer.start(after: milliseconds)
    run()
    timer.close()
  }

  /// A connection that has served a request and ends while it is idle, with `bytes` in front of the end; then a request that may be sent once.
  func postAfterIdleConnectionEnded(behind bytes: String) -> Recorder {
    start(into: Recorder())
    run()
    server.connections[0].send(bytes)
    server.connections[0].close()
    run(milliseconds: 30)
    let second = Recorder()
    start(.post, body: [part("x")], into: second)
    run()
    return second
  }
}

func withRig(_ configuration: HTTPClientConfiguration = .init(), _ body: (Rig) throws -> Void) throws {
  let rig = try Rig(configuration)
  let guardian = LoopTimer(loop: rig.loop) {
    Issue.record("the loop had to be stopped")
    rig.stop()
  }
  guardian.keepsLoopAlive(false)
  guardian.start(after: 30000)
  defer {
    guardian.close()
    rig.close()
  }
  try body(rig)
}

func part(_ text: String) -> HTTPClientBodyPart { HTTPClientBodyPart(ByteBuffer(text)) }

import EventLoop
import Wire

/// What a client tells the run.
protocol ClientOwner: AnyObject {
  func clientHadFirstPiece(_ client: Client, after nanoseconds: UInt64)
  func client(_ client: Client, didReceivePieceStampedAt stamp: UInt64, _ now: UInt64)
  /// One read brought several pieces: someone held them back together, or this process was late.
  func clientReadSeveralPieces(_ client: Client)
  func client(_ client: Client, didFinish failure: Failure?, detail: String, pieces: Int)
}

/// One stream after the other, over one connection where it may be used again.
final class Client: TCPConnectionDelegate {
  /// - idle → connecting, busy
  /// - connecting → busy, idle
  /// - busy → idle
  private enum State { case idle, connecting, busy }

  private let loop: EventLoop
  private let plan: Plan
  private unowned let owner: any ClientOwner
  private var state = State.idle
  private var connection: TCPConnection?
  private var reader: AnswerReader?
  private var request: ByteBuffer?
  private var hadPiece = false
  /// Unix time in nanoseconds at which the request in progress began.
  private(set) var begun: UInt64 = 0

  init(_ loop: EventLoop, _ plan: Plan, _ owner: any ClientOwner) { (self.loop, self.plan, self.owner) = (loop, plan, owner) }

  var isBusy: Bool { state != .idle }

  /// Index of the conversation that the request in progress belongs to.
  private(set) var conversation = 0
  var answer: AnswerReader? { reader }

  func start(_ conversation: Int, _ request: ByteBuffer) {
    begun = unixNanoseconds()
    hadPiece = false
    reader = AnswerReader(plan.expectation)
    (self.conversation, self.request) = (conversation, request)
    if connection != nil { return send() }
    state = .connecting
    do {
      connection = try TCPConnection.connect(loop: loop, host: plan.host, port: plan.port) { [unowned self] connection, error in
        connected(connection, error)
      }
    } catch { finish(.connect("\(error)")) }
  }

  /// Ends the request in progress and the connection.
  func cancel(_ failure: Failure) { finish(failure) }

  func close() {
    connection?.close()
    connection = nil
  }

  private func connected(_ connection: TCPConnection, _ error: UVError?) {
    // A request that was cancelled meanwhile has closed this connection, and the client may be at another.
    guard connection === self.connection, state == .connecting else { return }
    if let error { return finish(.connect("\(error)")) }
    connection.delegate = self
    connection.startReading()
    send()
  }

  private func send() {
    state = .busy
    guard let request else { return }
    self.request = nil
    connection?.write(request)
  }

  private func finish(_ failure: Failure?) {
    guard state != .idle else { return }
    state = .idle
    let keeps = failure == nil && plan.reusesConnections && reader?.keepsAlive ?? false
    if !keeps { close() }
    var detail = failure?.detail ?? ""
    if case .status = failure { detail = reader?.bodyStart ?? "" }
    owner.client(self, didFinish: failure, detail: detail, pieces: reader?.pieces ?? 0)
  }

  // MARK: the connection

  func connection(_ connection: TCPConnection, didRead bytes: UnsafeRawBufferPointer) {
    guard state == .busy, reader != nil else {
      // Nobody asked for anything: the connection is of no use any more.
      return close()
    }
    let now = unixNanoseconds()
    let before = reader!.pieces
    var stamps = 0
    reader!.feed(bytes) { stamp in
      stamps += 1
      owner.client(self, didReceivePieceStampedAt: stamp, now)
    }
    if reader!.pieces > before && !hadPiece {
      hadPiece = true
      owner.clientHadFirstPiece(self, after: now - begun)
    }
    if stamps > 1 { owner.clientReadSeveralPieces(self) }
    if let failure = reader!.failure { finish(failure) } else if reader!.isComplete { finish(nil) }
  }

  func connectionDidReadEnd(_ connection: TCPConnection) {
    guard state == .busy else { return close() }
    reader?.end { _ in }
    let failure = reader?.failure
    close()
    finish(failure)
  }

  func connection(_ connection: TCPConnection, didFail error: UVError) {
    guard state == .busy else { return close() }
    finish(.reset("\(error)"))
  }

  func connection(_ connection: TCPConnection, didWrite buffer: ByteBuffer) {}
}

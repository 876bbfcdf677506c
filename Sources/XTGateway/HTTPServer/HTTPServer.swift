import EventLoop
import Wire

/// Listens and drives connections.
public final class HTTPServer {
  let loop: EventLoop
  let configuration: HTTPServerConfiguration
  let service: any HTTPService
  private let limiter: ConnectionLimiter
  let pool = ByteBufferPool()
  /// Takes what nobody gets: the stream of a response to HEAD.
  let scrap = ByteBuffer()
  var date = HTTPDate()
  private(set) var isDraining = false
  /// Called when accepting a connection failed (EMFILE …), for a log line. Accepting goes on by itself.
  public var onAcceptError: ((UVError) -> Void)?
  /// Called when the server comes to have requests in flight, and when it comes to have none.
  public var onBusyChange: ((Bool) -> Void)?
  /// False: a drain leaves idle connections open, since other servers of the process still have requests in flight.
  public var mayFinishDraining = true { didSet { continueDrain() } }
  private var listener: TCPListener?
  private var connections: [HTTPConnection] = []
  /// Of `connections`, those that are one too many and only get their refusal.
  private var refusedCount = 0
  private var busyCount = 0
  /// Bytes that sockets have taken since the start.
  public internal(set) var sentBytes = 0
  private var done: (() -> Void)?
  /// While draining.
  private var quiet: LoopTimer?

  /// Connections over the limit that may be refused at the same time in an orderly way, which waits for their clients to end them;
  /// more get their answer and are closed at once, and may lose it if they are sending.
  static let maxRefusedConnections = 256

  /// `limiter`: what counts the connections; nil: one of this server's own.
  public init(
    loop: EventLoop, configuration: HTTPServerConfiguration, service: any HTTPService, limiter: ConnectionLimiter? = nil
  ) {
    self.loop = loop
    self.configuration = configuration
    self.service = service
    self.limiter = limiter ?? ConnectionLimiter(configuration)
  }

  deinit { assert(listener == nil && connections.isEmpty, "a server must be closed or drained") }

  /// Binds and listens; `port` 0 takes a free one. `reusePort` lets several loops share the port.
  public func listen(host: String, port: Int, reusePort: Bool = false) throws(UVError) {
    precondition(listener == nil, "the server listens already")
    listener = try TCPListener(loop: loop, host: host, port: port, reusePort: reusePort, delegate: self)
  }

  /// The bound port, after `listen`; 0 when not listening.
  public var port: Int { listener?.port ?? 0 }

  /// Open connections, without those that are being refused because there are too many.
  public var connectionCount: Int { connections.count - refusedCount }

  /// Whether requests are in flight.
  public var isBusy: Bool { busyCount > 0 }

  /// Closes the listener at once. Open connections stay as long as anything is in flight in the server, and a request that arrives
  /// on one is still served, with `connection: close`. Idle ones are closed when nothing came for `drainQuietMilliseconds`: a proxy
  /// may just be sending on one, and what is lost there it must not send again. `done` when none is left.
  public func drain(_ done: @escaping () -> Void) {
    precondition(!isDraining, "the server drains already")
    closeListener()
    isDraining = true
    self.done = done
    for connection in connections { connection.send(.drainStarted) }
    continueDrain()
  }

  /// Closes everything now. Exchanges get `exchangeDidClose`.
  public func close() {
    closeListener()
    quiet?.close()
    quiet = nil
    for connection in connections { connection.send(.serverClosed) }
  }

  private func closeListener() {
    listener?.close()
    listener = nil
  }

  private func continueDrain() {
    guard isDraining, mayFinishDraining, busyCount == 0 else {
      quiet?.stop()
      return
    }
    guard connections.isEmpty else { return awaitQuiet() }
    quiet?.close()
    quiet = nil
    guard let done else { return }
    self.done = nil
    done()
  }

  private func awaitQuiet() {
    let timer =
      quiet
      ?? LoopTimer(loop: loop) { [unowned self] in
        for connection in connections { connection.send(.drained) }
      }
    quiet = timer
    timer.start(after: configuration.drainQuietMilliseconds)
  }

  // MARK: What tests look at

  /// Buffers with bytes to send, or with bytes that came too early.
  var lentBuffers: Int { connections.reduce(0) { $0 + $1.lentBuffers } }
  /// Bytes that came too early.
  var keptBytes: Int { connections.reduce(0) { $0 + $1.keptBytes } }
  var hasWriteWaiting: Bool { connections.contains { $0.output.inFlight > 0 } }

  // MARK: What connections report

  func busyChanged(by change: Int) {
    let wasBusy = isBusy
    busyCount += change
    if isBusy != wasBusy { onBusyChange?(isBusy) }
    if isDraining { continueDrain() }
  }

  func remove(_ connection: HTTPConnection) {
    let last = connections.removeLast()
    if last !== connection {
      last.slot = connection.slot
      connections[connection.slot] = last
    }
    if connection.excess == nil { limiter.leave(connection.peerAddress) } else { refusedCount -= 1 }
    if connections.isEmpty { continueDrain() }
  }
}

extension HTTPServer: TCPListenerDelegate {
  public func listener(_ listener: TCPListener, didAccept tcp: TCPConnection) {
    let excess = limiter.enter(tcp.peerAddress)
    if let excess {
      guard refusedCount < Self.maxRefusedConnections else { return turnAway(tcp, excess) }
      refusedCount += 1
    }
    let connection = HTTPConnection(server: self, tcp: tcp, excess: excess)
    connection.slot = connections.count
    connections.append(connection)
    connection.start()
  }

  public func listener(_ listener: TCPListener, didFail error: UVError) { onAcceptError?(error) }

  /// Answers without looking at what was asked. A fresh socket takes so little at once.
  private func turnAway(_ tcp: TCPConnection, _ problem: HTTPProblem) {
    defer { tcp.close() }
    let refusal = service.refusal(problem, of: nil, peerAddress: tcp.peerAddress)
    let answer = ByteBuffer()
    refusal.head.encode(into: answer)
    answer.append("content-length: ")
    answer.append(decimal: refusal.body.count)
    answer.append("\r\n")
    date.append(to: answer)
    answer.append("connection: close\r\n\r\n")
    answer.append(refusal.body.bytes)
    refusal.onWritten(answer.count)
    do throws(UVError) { sentBytes &+= try tcp.tryWrite(answer.bytes) } catch {
      // The client has gone again, and is not owed anything.
    }
  }
}

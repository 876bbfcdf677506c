import CCurl
import EventLoop
import Wire

/// Requests and their responses on a loop. Over HTTP/1.1 libcurl makes the connections and this client speaks on them; HTTP/2 is left
/// to libcurl altogether. One `close` is owed.
public final class HTTPClient {
  let loop: EventLoop
  let configuration: HTTPClientConfiguration
  /// The first one is always there. libcurl finds the connection that an easy handle belongs to by looking through all of its multi
  /// handle's (with 1,000 of them that took a fifth of the time), so TLS connections are spread over several.
  private var multis: [CurlMulti]
  private static let maxConnectionsPerMulti = 256
  /// Where heads of requests are put together.
  let scratch = ByteBuffer()
  @exclusivity(unchecked) private var transfers: [HTTPTransfer] = []
  @exclusivity(unchecked) private var idle: IdleConnections<HTTP1Connection>
  private var knownAddress: KnownAddress?
  private var isClosed = false
  /// For idle connections.
  private var expiry: LoopTimer?
  /// For connections that have more to read than is fair in one turn.
  private var nextTurn: LoopTimer?
  private var unfinished: [HTTP1Connection] = []
  /// Transfers that need a connection of their own: to make one takes longer than all that is done for a chunk, so running answers go first.
  private var connecting = FIFOQueue<(transfer: HTTPTransfer, origin: HTTPBaseURL.Parts)>()
  /// Could not even begin; told at the end of the running callback.
  private var stillborn: [(transfer: HTTPTransfer, error: HTTPClientError)] = []

  public init(loop: EventLoop, configuration: HTTPClientConfiguration) {
    (self.loop, self.configuration) = (loop, configuration)
    multis = [CurlMulti(loop: loop, configuration: configuration)]
    idle = IdleConnections(
      limit: max(1, configuration.maxIdleConnections), lifetime: UInt64(max(0, configuration.maxIdleSeconds)) * 1000)
    expiry = LoopTimer(loop: loop) { [self] in dropExpired() }
    nextTurn = LoopTimer(loop: loop) { [self] in readUnfinished() }
  }

  deinit { assert(isClosed, "an HTTPClient was not closed") }

  /// Nothing is told before this returns. On a closed client the transfer ends with `notConnected`.
  @discardableResult public func start(_ request: consuming HTTPClientRequest, delegate: any HTTPTransferDelegate) -> HTTPTransfer {
    let base = request.base
    let transfer = HTTPTransfer(request, client: self, delegate: delegate)
    transfer.index = transfers.count
    transfers.append(transfer)
    switch base.parts {
    case .failure(let failure): failLater(transfer, "\(failure.words): \(base.text)")
    case .success where isClosed: failLater(transfer, "the client is closed")
    case .success where configuration.version == .http2:
      let running = CurlTransfer(transfer, multi: multis[0])
      transfer.state = .running(running)
      multis[0].start(running)
    case .success(let origin): begin(transfer, origin)
    }
    return transfer
  }

  public var activeTransfers: Int { transfers.count }

  /// Cancels everything and closes every connection.
  public func close() {
    guard !isClosed else { return }
    isClosed = true
    connecting.removeAll()
    while let transfer = transfers.last { transfer.cancel() }
    while let connection = idle.takeAny() { connection.close() }
    unfinished.removeAll()
    expiry?.close()
    nextTurn?.close()
    (expiry, nextTurn) = (nil, nil)
    for multi in multis { multi.close() }
  }

  // MARK: Transfers

  private func begin(_ transfer: HTTPTransfer, _ origin: HTTPBaseURL.Parts) {
    guard !beginsOnIdleConnection(transfer, origin) else { return }
    if connecting.isEmpty { loop.enqueueOwnTurn(self) }
    connecting.append((transfer, origin))
  }

  private func beginsOnIdleConnection(_ transfer: HTTPTransfer, _ origin: HTTPBaseURL.Parts) -> Bool {
    while let connection = idle.take(where: { $0.leads(to: origin) }) {
      // Of one that died only the re-sending would have to be paid; but what the upstream said without being asked must not be taken
      // for the answer.
      guard connection.isQuiet else {
        connection.close()
        continue
      }
      connection.begin(transfer, to: origin)
      return true
    }
    return false
  }

  /// Nothing is told.
  func connect(_ transfer: HTTPTransfer, to origin: HTTPBaseURL.Parts) {
    guard let descriptor = knownAddress?.connect(to: origin, now: loop.now) else { return connectByName(transfer, to: origin) }
    do throws(UVError) {
      try HTTP1Connection(self, origin, .plain(descriptor), isUntried: true).begin(transfer, to: origin)
    } catch {
      ByteChannel.plain(descriptor).close()
      connectByName(transfer, to: origin)
    }
  }

  /// - Parameter start: when the known address was tried in vain; its time counts.
  func connectByName(_ transfer: HTTPTransfer, to origin: HTTPBaseURL.Parts, since start: UInt64? = nil) {
    knownAddress = nil
    let elapsed = start.map { Int(loop.now - $0) } ?? 0
    let multi = multi(for: origin)
    let attempt = ConnectAttempt(
      for: transfer, to: origin, within: max(1, configuration.connectTimeoutMilliseconds - elapsed), multi: multi)
    transfer.state = .connecting(attempt)
    multi.start(attempt)
  }

  private func multi(for origin: HTTPBaseURL.Parts) -> CurlMulti {
    guard origin.isTLS else { return multis[0] }
    if let multi = multis.first(where: { $0.connections < Self.maxConnectionsPerMulti }) { return multi }
    let multi = CurlMulti(loop: loop, configuration: configuration)
    multis.append(multi)
    return multi
  }

  func didConnect(_ transfer: HTTPTransfer, _ origin: HTTPBaseURL.Parts, _ channel: ByteChannel) {
    if case .plain(let descriptor) = channel { knownAddress = KnownAddress(behind: descriptor, of: origin, now: loop.now) }
    do throws(UVError) {
      try HTTP1Connection(self, origin, channel).begin(transfer, to: origin)
    } catch {
      channel.close()
      transfer.end(HTTPClientError(kind: .notConnected, message: "the loop cannot watch the connection: \(error)"))
    }
  }

  private func failLater(_ transfer: HTTPTransfer, _ message: String) {
    stillborn.append((transfer, HTTPClientError(kind: .notConnected, message: message)))
    loop.enqueue(self)
  }

  /// The transfer is over.
  func forget(_ transfer: HTTPTransfer) {
    transfer.state = .ended
    transfers.swapAt(transfer.index, transfers.count - 1)
    transfers[transfer.index].index = transfer.index
    transfers.removeLast()
  }

  // MARK: Idle connections

  func keep(_ connection: HTTP1Connection) {
    guard !isClosed else { return connection.close() }
    idle.put(connection, now: loop.now)?.close()
    if idle.count == 1 { awaitExpiry() }
  }

  /// An idle connection is of no use any more.
  func drop(_ connection: HTTP1Connection) {
    idle.remove(connection)
    connection.close()
  }

  private func awaitExpiry() {
    guard let next = idle.nextExpiry else { return }
    // Not started again where it runs: it finds what is left to wait for by itself.
    if expiry?.isActive == false { expiry?.start(after: next > loop.now ? next - loop.now : 0) }
  }

  private func dropExpired() {
    while let connection = idle.takeExpired(now: loop.now) { connection.close() }
    awaitExpiry()
  }

  // MARK: Fairness

  func readNextTurn(_ connection: HTTP1Connection) {
    unfinished.append(connection)
    nextTurn?.start(after: 0)
  }

  private func readUnfinished() {
    let connections = unfinished
    unfinished.removeAll()
    for connection in connections { connection.readMore() }
  }
}

extension HTTPClient: TurnWork {
  /// One a turn, and of many a sixteenth: a burst of a thousand is over after some seventy turns.
  public func runTurn() {
    var share = (connecting.count + 15) / 16
    while share > 0, let (transfer, origin) = connecting.popFirst() {
      // Who was cancelled meanwhile takes no turn.
      guard case .waiting = transfer.state else { continue }
      share -= 1
      if !beginsOnIdleConnection(transfer, origin) { connect(transfer, to: origin) }
    }
    if !connecting.isEmpty { loop.enqueueOwnTurn(self) }
  }
}

extension HTTPClient: DeferredWork {
  public func runDeferred() {
    let failed = stillborn
    stillborn.removeAll()
    for one in failed { one.transfer.end(one.error) }
  }
}

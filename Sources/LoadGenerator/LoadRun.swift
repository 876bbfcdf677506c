import EventLoop

/// Starts clients, gives them requests until there are none left, and counts what comes of it.
final class LoadRun: ClientOwner {
  private static let tickMilliseconds: UInt64 = 5
  /// Stamps carry so many digits of the Unix time.
  private static let stampModulus: UInt64 = 10_000_000_000_000_000

  private let loop: EventLoop
  private let plan: Plan
  private var clients: [Client] = []
  private var timer: LoopTimer?
  private let begun: UInt64
  private var nextRequest = 0
  private var ended = 0
  private var open = 0
  private(set) var report = Report()
  /// Called once when the last client has its first piece while no stream has ended yet.
  var onPlateau: () -> Void = {}

  init(_ loop: EventLoop, _ plan: Plan) {
    (self.loop, self.plan, begun) = (loop, plan, unixNanoseconds())
    timer = LoopTimer(loop: loop) { [unowned self] in tick() }
    timer?.start(after: 0, repeating: Self.tickMilliseconds)
  }

  func close() {
    timer?.close()
    timer = nil
    for client in clients { client.close() }
    report.seconds = Double(unixNanoseconds() - begun) / 1e9
  }

  private func tick() {
    let now = unixNanoseconds()
    let elapsed = (now - begun) / 1_000_000
    while clients.count < min(plan.streams, plan.requests), due(clients.count) <= elapsed, nextRequest < plan.requests {
      let client = Client(loop, plan, self)
      clients.append(client)
      give(client)
    }
    for client in clients where !client.isBusy { give(client) }
    let isOver = elapsed >= plan.timeoutSeconds * 1000
    for client in clients where client.isBusy {
      if isOver || now - min(now, client.begun) >= plan.requestTimeoutSeconds * 1_000_000_000 { client.cancel(.timeout) }
    }
    if isOver { finish() }
  }

  private func due(_ index: Int) -> UInt64 { UInt64(index) * plan.rampMilliseconds / UInt64(plan.streams) }

  private func give(_ client: Client) {
    guard nextRequest < plan.requests, timer != nil else { return }
    nextRequest += 1
    client.start(nextRequest)
  }

  private func finish() {
    report.notStarted += plan.requests - nextRequest
    nextRequest = plan.requests
    timer?.stop()
    loop.stop()
  }

  // MARK: what clients tell

  func clientHadFirstPiece(_ client: Client, after nanoseconds: UInt64) {
    report.firstToken.add(nanoseconds)
    open += 1
    if open == min(plan.streams, plan.requests), ended == 0 { onPlateau() }
  }

  func client(_ client: Client, didReceivePieceStampedAt stamp: UInt64, _ now: UInt64) {
    let latency = (now % Self.stampModulus + Self.stampModulus - stamp) % Self.stampModulus
    // A clock that was set back makes a latency of months.
    report.latency.add(latency < Self.stampModulus / 2 ? latency : 0)
  }

  func clientReadSeveralPieces(_ client: Client) { report.readsOfSeveral += 1 }

  func client(_ client: Client, didFinish failure: Failure?, detail: String, pieces: Int) {
    ended += 1
    report.pieces += pieces
    if let failure { report.add(failure, detail) } else { report.ok += 1 }
    report.duration.add(unixNanoseconds() - client.begun)
    if ended == plan.requests { return finish() }
    // After a failure the next tick goes on: a peer that refuses everything is not asked without a pause.
    if failure == nil { give(client) }
  }
}

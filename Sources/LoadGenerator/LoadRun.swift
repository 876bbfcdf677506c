import EventLoop
import Wire

/// Starts clients, gives them requests until there are none left, and counts what comes of it.
final class LoadRun: ClientOwner {
  private static let tickMilliseconds: UInt64 = 5
  /// Between the first round and the follow-ups, for whoever reads clocks and counters.
  private static let pauseNanoseconds: UInt64 = 500_000_000
  /// Stamps carry so many digits of the Unix time.
  private static let stampModulus: UInt64 = 10_000_000_000_000_000

  private let loop: EventLoop
  private let plan: Plan
  private var clients: [Client] = []
  private var timer: LoopTimer?
  private let begins: [UInt64]
  private var beginner: FineTimer?
  private let begun: UInt64
  /// When requests are looked at for being too old.
  private var nextSweep: UInt64 = 0
  /// Whether clients have been left without a request until the next tick.
  private var someWait = false
  /// When what is reported began.
  private var reportedFrom: UInt64
  private var round = 0
  private var memory: Memory
  private var nextRequest = 0
  private var ended = 0
  private var open = 0
  private(set) var report = Report()
  /// Called once when the last client has its first piece while no stream has ended yet.
  var onPlateau: () -> Void = {}
  /// Called once before the follow-ups.
  var onPrepared: () -> Void = {}

  init(_ loop: EventLoop, _ plan: Plan) throws(UVError) {
    (self.loop, self.plan, begins, begun) = (loop, plan, plan.begins, unixNanoseconds())
    (memory, reportedFrom) = (Memory(plan), begun)
    beginner = try FineTimer(loop: loop) { [unowned self] in begin() }
    beginner?.start(after: 0)
    timer = LoopTimer(loop: loop) { [unowned self] in tick() }
    timer?.start(after: Self.tickMilliseconds, repeating: Self.tickMilliseconds)
  }

  func close() {
    timer?.close()
    beginner?.close()
    (timer, beginner) = (nil, nil)
    for client in clients { client.close() }
    report.seconds = Double(unixNanoseconds() - min(unixNanoseconds(), reportedFrom)) / 1e9
  }

  /// Begins the streams that are due.
  private func begin() {
    var elapsed = unixNanoseconds() - begun
    while clients.count < begins.count, nextRequest < plan.requests {
      let due = begins[clients.count]
      if due > elapsed { elapsed = unixNanoseconds() - begun }
      guard due <= elapsed else { return beginner?.start(after: (due - elapsed + 999) / 1000) ?? () }
      let client = Client(loop, plan, self)
      clients.append(client)
      give(client)
    }
  }

  private func tick() {
    let now = unixNanoseconds()
    if someWait, now >= reportedFrom {
      someWait = false
      for client in clients where !client.isBusy { give(client) }
    }
    let isOver = now - begun >= plan.timeoutSeconds * 1_000_000_000
    // All of them are looked at ten times a second only: with thousands it takes time.
    guard isOver || now >= nextSweep else { return }
    nextSweep = now + 100_000_000
    for client in clients where client.isBusy {
      if isOver || now - min(now, client.begun) >= plan.requestTimeoutSeconds * 1_000_000_000 { client.cancel(.timeout) }
    }
    if isOver { finish() }
  }

  private func give(_ client: Client) {
    // One is kept for each client that has not begun.
    guard nextRequest + begins.count - clients.count < plan.requests, timer != nil else { return }
    let conversation = nextRequest
    nextRequest += 1
    let message = plan.message(round * plan.requests + nextRequest)
    client.start(conversation, plan.request(memory.messages(of: conversation, with: message)))
  }

  /// Every conversation has had its turn: is there another round?
  private func endRound() {
    guard round < plan.followUps else { return finish() }
    round += 1
    (nextRequest, ended, someWait) = (0, 0, true)
    guard round == 1 else { return }
    // What failed so far still counts as failed.
    report = Report(failuresOf: report)
    reportedFrom = unixNanoseconds() + Self.pauseNanoseconds
    onPrepared()
  }

  private func finish() {
    report.notStarted += plan.requests - nextRequest + (plan.followUps - round) * plan.requests
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
    let failure = failure ?? client.answer.flatMap { memory.judge($0, in: client.conversation, isDocument: plan.isDocument) }
    ended += 1
    report.pieces += pieces
    if let failure { report.add(failure, detail) } else { report.ok += 1 }
    report.duration.add(unixNanoseconds() - client.begun)
    if ended == plan.requests { return endRound() }
    // After a failure the next tick goes on: a peer that refuses everything is not asked without a pause.
    if failure == nil { give(client) } else { someWait = true }
  }
}

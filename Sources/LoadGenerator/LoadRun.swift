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
  private let begun: UInt64
  /// When what is reported began.
  private var reportedFrom: UInt64
  private var round = 0
  /// Every conversation's messages so far, as JSON with commas between; only where there are follow-ups.
  private var histories: [ByteBuffer] = []
  /// What `GET` has answered so far.
  private var document: ByteBuffer?
  private var nextRequest = 0
  private var ended = 0
  private var open = 0
  private(set) var report = Report()
  /// Called once when the last client has its first piece while no stream has ended yet.
  var onPlateau: () -> Void = {}
  /// Called once before the follow-ups.
  var onPrepared: () -> Void = {}

  init(_ loop: EventLoop, _ plan: Plan) {
    (self.loop, self.plan, begun) = (loop, plan, unixNanoseconds())
    reportedFrom = begun
    if plan.followUps > 0 { histories = (0..<plan.requests).map { _ in ByteBuffer() } }
    timer = LoopTimer(loop: loop) { [unowned self] in tick() }
    timer?.start(after: 0, repeating: Self.tickMilliseconds)
  }

  func close() {
    timer?.close()
    timer = nil
    for client in clients { client.close() }
    report.seconds = Double(unixNanoseconds() - min(unixNanoseconds(), reportedFrom)) / 1e9
  }

  private func tick() {
    let now = unixNanoseconds()
    let elapsed = (now - begun) / 1_000_000
    while clients.count < min(plan.streams, plan.requests), due(clients.count) <= elapsed, nextRequest < plan.requests {
      let client = Client(loop, plan, self)
      clients.append(client)
      give(client)
    }
    if now >= reportedFrom { for client in clients where !client.isBusy { give(client) } }
    let isOver = elapsed >= plan.timeoutSeconds * 1000
    for client in clients where client.isBusy {
      if isOver || now - min(now, client.begun) >= plan.requestTimeoutSeconds * 1_000_000_000 { client.cancel(.timeout) }
    }
    if isOver { finish() }
  }

  private func due(_ index: Int) -> UInt64 { UInt64(index) * plan.rampMilliseconds / UInt64(plan.streams) }

  private func give(_ client: Client) {
    guard nextRequest < plan.requests, timer != nil else { return }
    let conversation = nextRequest
    nextRequest += 1
    let message = plan.message(round * plan.requests + nextRequest)
    guard plan.followUps > 0 else { return client.start(conversation, plan.request(message)) }
    let history = histories[conversation]
    if !history.isEmpty { history.append(",") }
    history.append(message.bytes)
    client.start(conversation, plan.request(history))
  }

  /// Every conversation has had its turn: is there another round?
  private func endRound() {
    guard round < plan.followUps else { return finish() }
    round += 1
    (nextRequest, ended) = (0, 0)
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
    let failure = failure ?? judge(client)
    ended += 1
    report.pieces += pieces
    if let failure { report.add(failure, detail) } else { report.ok += 1 }
    report.duration.add(unixNanoseconds() - client.begun)
    if ended == plan.requests { return endRound() }
    // After a failure the next tick goes on: a peer that refuses everything is not asked without a pause.
    if failure == nil { give(client) }
  }

  /// What one answer alone does not tell; keeps it where it is asked for again.
  private func judge(_ client: Client) -> Failure? {
    guard let answer = client.answer else { return nil }
    if plan.followUps > 0, let message = answer.message {
      histories[client.conversation].append(#",{"role":"assistant","content":"#)
      histories[client.conversation].append(message.bytes)
      histories[client.conversation].append("}")
    }
    guard case .document = plan.question else { return nil }
    if let document { return document.bytes.elementsEqual(answer.document) ? nil : .otherDocument }
    guard (try? JSONDocument(parsing: answer.document)) != nil else { return .malformed("no JSON") }
    document = ByteBuffer(capacity: answer.document.count)
    document?.append(answer.document)
    return nil
  }
}

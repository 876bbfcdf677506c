import EventLoop
import Logging
import Wire

/// What all exchanges of one loop share, and the loop's way to what all loops share.
public final class GatewayCore {
  public let loop: EventLoop
  /// The loop's number; the first one also does what is done once for all.
  public let worker: Int
  public let shared: SharedState
  public internal(set) var configuration: Configuration
  let sink: LogSink
  public let upstream: UpstreamClient
  let models: ModelDirectory
  let desk: AccountDesk
  let sessions: SessionKeeper
  public let background: Background?
  let digest: ConversationDigest
  public let log: Logger
  let accessLog: AccessLog
  var clockLimits: ExchangeClock.Limits
  var policy: ChatExchangeState.Policy

  var identifiers = Identifiers()
  let scratch = AnswerScratch()
  var metrics = Metrics()
  let monitor: LoopMonitor
  /// What the server counts, for the metrics.
  public var serverStatistics: () -> (connections: Int, sentBytes: Int) = { (0, 0) }
  /// The keys that clients may use.
  var keys: ClientKeys
  private(set) lazy var statusQueries = makeStatusQueries()
  private var running: [ChatExchange] = []
  public private(set) var isDraining = false

  public init(
    loop: EventLoop, worker: Int, shared: SharedState, configuration: Configuration, upstream: UpstreamClient, sink: LogSink
  ) {
    (self.loop, self.worker, self.shared, self.configuration) = (loop, worker, shared, configuration)
    (self.upstream, self.sink) = (upstream, sink)
    let log = Logger(label: "xtgateway") { _ in SinkLogHandler(sink) }
    self.log = log
    accessLog = AccessLog(sink)
    digest = shared.digest
    clockLimits = ExchangeClock.Limits(configuration)
    policy = ChatExchangeState.Policy(configuration)
    keys = shared.clients.withLock { $0.keys }
    monitor = LoopMonitor(loop: loop)
    let models = ModelDirectory()
    let desk = AccountDesk(loop: loop, shared: shared.pool, worker: worker, log: log)
    let sessions = SessionKeeper(
      loop: loop, upstream: upstream, configuration: configuration, log: log, name: shared.sessionName, store: shared.sessions,
      desk: desk, defaultModel: { models.catalog?.modelToPrepare })
    (self.models, self.desk, self.sessions) = (models, desk, sessions)
    background =
      worker == 0
      ? Background(
        loop: loop, shared: shared, configuration: configuration, upstream: upstream, desk: desk, keeper: sessions, models: models,
        log: log, publish: { answer in shared.tellAll(.models(answer), from: 0) { models.receive(answer) } }) : nil
  }

  /// Called on the loop's own thread.
  public func start() {
    // Not weak, here and where a timer is closed with its owner: an object that weak references point to is retained the slow way.
    upstream.observe = { [unowned self] call, outcome, milliseconds in
      metrics.called(call.name, outcome, milliseconds: milliseconds)
    }
    models.requestFetch = { [unowned self] in perform(.fetchModels) }
    models.onFirstCatalog = { [unowned self] in
      sessions.start()
      background?.care.start()
    }
    desk.send = { [shared] grants, worker in shared.mailboxes[worker].post(.grants(grants)) }
    desk.onTokenRefused = { [unowned self] account, generation in perform(.renewToken(account, generation: generation)) }
    sessions.onDiscard = { [unowned self] id, account in perform(.delete(session: id, account)) }
    sessions.onFirstSession = { [unowned self] account in perform(.sweep(account)) }
    sessions.touchRunning = { [unowned self] in for exchange in running { exchange.touchSession() } }
    monitor.start()
    desk.start()
    background?.start()
  }

  public func close() {
    statusQueries.close()
    background?.close()
    models.close()
    monitor.close()
    sessions.close()
    desk.close()
  }

  // MARK: Other loops

  public func receive(_ message: WorkerMessage) {
    switch message {
    case .grants(let grants): desk.receive(grants)
    case .models(let answer): models.receive(answer)
    case .configuration(let configuration): configure(configuration)
    case .statusWanted(let other, let query): shared.mailboxes[other].post(.status(status, of: worker, query: query))
    case .status(let status, let other, let query): statusQueries.receive(status, of: other, query: query)
    case .background(let task): background?.perform(task)
    case .shutdown: break
    }
  }

  private func perform(_ task: BackgroundTask) {
    if let background { background.perform(task) } else { shared.mailboxes[0].post(.background(task)) }
  }

  private func makeStatusQueries() -> StatusQueries {
    StatusQueries(
      loop: loop, worker: worker, workers: shared.workers, own: { [unowned self] in status },
      ask: { [shared, worker] other, query in shared.mailboxes[other].post(.statusWanted(by: worker, query: query)) })
  }

  private var status: WorkerStatus {
    let server = serverStatistics()
    return WorkerStatus(
      metrics: metrics.copy, runningChats: running.count, heldSessions: running.count { $0.holdsSession },
      connections: server.connections, sentBytes: server.sentBytes, loopLag: monitor.lag, loopBusyRatio: monitor.busyRatio)
  }

  // MARK: Requests

  func answerHead(_ requestID: String, _ client: ClientIdentity?) -> AnswerHead {
    guard let client, client.index >= 0 else { return AnswerHead(requestID: requestID, rateLimit: nil) }
    let now = loop.now
    return AnswerHead(requestID: requestID, rateLimit: shared.clients.withLock { $0.status(client, now: now) })
  }

  /// A request is answered: counts and logs it.
  func finished(_ record: AccessRecord) {
    metrics.finished(record, now: loop.now)
    accessLog.write(record, now: loop.now)
  }

  /// Why the client's key may not begin a chat now; nil: it has begun, and has to end.
  func begin(_ client: ClientIdentity) -> KeyLimiter.Refusal? {
    guard client.index >= 0 else { return nil }
    let now = loop.now
    return shared.clients.withLock { $0.begin(client, now: now) }
  }

  /// Those of a request's models that do not rest.
  func modelsToTry(_ values: [String]) -> ArraySlice<String> {
    let now = loop.now
    return shared.modelHealth.withLock { health in
      health.areAllWell ? values[...] : values.filter { health.coolsUntil($0, now) == nil }[...]
    }
  }

  func modelFailed(_ model: String) {
    let now = loop.now
    shared.modelHealth.withLock { $0.failed(model, now) }
  }

  func modelSucceeded(_ model: String) { shared.modelHealth.withLock { $0.succeeded(model) } }

  // MARK: Running exchanges

  func began(_ exchange: ChatExchange) {
    exchange.slot = running.count
    running.append(exchange)
    shared.chatBegan()
  }

  func ended(_ exchange: ChatExchange, _ client: ClientIdentity) {
    let last = running.removeLast()
    if last !== exchange {
      last.slot = exchange.slot
      running[exchange.slot] = last
    }
    shared.chatEnded()
    if client.index >= 0 { shared.clients.withLock { $0.end(client) } }
  }

  // MARK: The end

  /// New requests on open connections are still served; `/health` says so.
  public func drain() { isDraining = true }

  /// Ends every running answer with an error.
  public func cutOff() {
    for exchange in running { exchange.cutOff() }
  }

  /// Calls `done` when no session is being made any more.
  public func settle(_ done: @escaping () -> Void) { sessions.settle(done) }
}

import EventLoop
import Logging
import Wire
import XSTech

/// What all exchanges of one loop share.
package final class GatewayCore {
  package let loop: EventLoop
  package internal(set) var configuration: Configuration
  let sink: LogSink
  package let upstream: UpstreamClient
  package let models: ModelDirectory
  package let desk: AccountDesk
  package let digest: ConversationDigest
  package let log: Logger
  let accessLog: AccessLog
  var clockLimits: ExchangeClock.Limits
  var policy: ChatExchangeState.Policy
  /// On the loop's clock, for `/health`.
  let startedAt: UInt64

  var identifiers = Identifiers()
  let scratch = AnswerScratch()
  var modelHealth: ModelHealth
  var metrics = Metrics()
  let monitor: LoopMonitor
  /// What the server counts, for the metrics.
  package var serverStatistics: () -> (connections: Int, sentBytes: Int) = { (0, 0) }
  package private(set) lazy var sessions = makeKeeper()
  let tokens: TokenKeeper
  let credits: CreditsWatch
  var clients: ClientRegistry
  private var running: [ObjectIdentifier: ChatExchange] = [:]
  package private(set) var isDraining = false

  package init(loop: EventLoop, configuration: Configuration, upstream: UpstreamClient, sink: LogSink) {
    (self.loop, self.configuration, self.upstream, self.sink) = (loop, configuration, upstream, sink)
    log = Logger(label: "xtgateway") { _ in SinkLogHandler(sink) }
    accessLog = AccessLog(sink)
    models = ModelDirectory(loop: loop, upstream: upstream, configuration: configuration, log: log)
    digest = ConversationDigest(key: SipHash128.Key(k0: .random(in: 0 ... .max), k1: .random(in: 0 ... .max)))
    clockLimits = ExchangeClock.Limits(configuration)
    policy = ChatExchangeState.Policy(configuration)
    modelHealth = ModelHealth(configuration)
    let pool = AccountPool(
      accounts: configuration.cookies.map { Account($0, configuration, now: loop.now) }, limits: .init(configuration),
      breaker: .init(configuration), seed: .random(in: 0 ... .max))
    desk = AccountDesk(loop: loop, pool: pool, log: log)
    tokens = TokenKeeper(loop: loop, upstream: upstream, desk: desk, configuration: configuration, log: log)
    credits = CreditsWatch(loop: loop, upstream: upstream, desk: desk)
    clients = ClientRegistry(digest)
    clients.configure(configuration.apiKeys, now: loop.now)
    monitor = LoopMonitor(loop: loop)
    startedAt = loop.now
  }

  package func start() {
    upstream.observe = { [weak self] call, outcome, milliseconds in
      self?.metrics.called(call.name, outcome, milliseconds: milliseconds)
    }
    models.onFirstCatalog = { [weak self] in self?.sessions.start() }
    models.usableAccounts = { [unowned self] in desk.pool.accounts.indices.filter { desk.pool.accounts[$0].canServe(loop.now) } }
    models.whyNoAccount = { [unowned self] in whyNoAccount }
    models.onTokenRejected = { [weak self] account, error in
      guard let self else { return }
      desk.change { pool, now in pool.expire(account, error.message, now: now) }
      log.warning("account \(desk.pool.accounts[account].name) is out of service until its token is renewed: \(error.message)")
      tokens.refused(account)
    }
    tokens.onToken = { [weak self] _ in self?.models.accountsChanged() }
    desk.onOutcome = { [weak self] account, outcome in
      if case .tokenInvalid = outcome { self?.tokens.refused(account) }
    }
    sessions.touchRunning = { [weak self] in
      guard let self else { return }
      for exchange in running.values { exchange.touchSession() }
    }
    monitor.start()
    desk.start()
    tokens.start()
    credits.start()
    models.start()
  }

  private var whyNoAccount: GatewayError? {
    let accounts = desk.pool.accounts.filter { !$0.isDraining }
    if accounts.isEmpty { return .noCookies }
    if tokens.isBusy { return nil }
    let words = desk.description()
    return accounts.contains { $0.isEnabled && !$0.isDead }
      ? .poolUnavailable(words, retryAfterSeconds: nil) : .credentialsExhausted(words)
  }

  private func makeKeeper() -> SessionKeeper {
    SessionKeeper(
      loop: loop, upstream: upstream, configuration: configuration, log: log, instance: String(identifiers.next().prefix(12)),
      accountName: { [unowned self] in desk.pool.accounts[$0].name },
      canUse: { [unowned self] in desk.pool.accounts[$0].canServe(loop.now) },
      defaultModel: { [unowned self] in models.catalog?.modelToPrepare })
  }

  package func close() {
    models.close()
    tokens.close()
    credits.close()
    monitor.close()
    sessions.close()
    desk.close()
  }

  func answerHead(_ requestID: String, _ client: ClientIdentity?) -> AnswerHead {
    AnswerHead(requestID: requestID, rateLimit: client.flatMap { clients.status($0, now: loop.now) })
  }

  /// A request is answered: counts and logs it.
  func finished(_ record: AccessRecord) {
    metrics.finished(record, now: loop.now)
    accessLog.write(record, now: loop.now)
  }

  // MARK: Running exchanges

  package var runningCount: Int { running.count }

  /// Sessions in the hands of running exchanges.
  var runningSessions: Int { running.values.count { $0.holdsSession } }

  func began(_ exchange: ChatExchange) { running[ObjectIdentifier(exchange)] = exchange }

  func ended(_ exchange: ChatExchange, _ client: ClientIdentity) {
    running[ObjectIdentifier(exchange)] = nil
    clients.end(client)
  }

  /// New requests on open connections are still served; `/health` says so.
  package func drain() { isDraining = true }

  /// Ends every running answer with an error.
  package func cutOff() {
    for exchange in running.values { exchange.cutOff() }
  }
}

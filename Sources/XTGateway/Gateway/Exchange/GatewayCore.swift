import EventLoop
import Logging
import Wire
import XSTech

/// What all exchanges of one loop share.
package final class GatewayCore {
  package let loop: EventLoop
  package let configuration: Configuration
  package let upstream: UpstreamClient
  package let models: ModelDirectory
  package let digest: ConversationDigest
  package let log: Logger
  let accessLog: AccessLog
  let clockLimits: ExchangeClock.Limits
  /// On the loop's clock, for `/health`.
  let startedAt: UInt64

  package private(set) lazy var sessions = makeKeeper()
  var identifiers = Identifiers()
  let scratch = AnswerScratch()
  package private(set) var pool: AccountPool
  private var waiters: [AccountPool.Ticket: ChatExchange] = [:]
  private(set) var running: [ObjectIdentifier: ChatExchange] = [:]
  package private(set) var isDraining = false
  private var whenIdle: (() -> Void)?

  package init(loop: EventLoop, configuration: Configuration, upstream: UpstreamClient, sink: LogSink) {
    (self.loop, self.configuration, self.upstream) = (loop, configuration, upstream)
    log = Logger(label: "xtgateway") { _ in SinkLogHandler(sink) }
    accessLog = AccessLog(sink)
    models = ModelDirectory(loop: loop, upstream: upstream, configuration: configuration, log: log)
    digest = ConversationDigest(key: SipHash128.Key(k0: .random(in: 0 ... .max), k1: .random(in: 0 ... .max)))
    clockLimits = ExchangeClock.Limits(configuration)
    pool = AccountPool(
      accounts: configuration.cookies.map {
        .init(
          name: $0.name, capacity: $0.maxConcurrency ?? configuration.pool.maxConcurrency, weight: $0.weight, isEnabled: $0.enabled)
      }, queueLimit: configuration.pool.queueLimit)
    startedAt = loop.now
  }

  package func start() {
    models.onFirstCatalog = { [weak self] in self?.sessions.start() }
    models.start()
  }

  private func makeKeeper() -> SessionKeeper {
    SessionKeeper(
      loop: loop, upstream: upstream, configuration: configuration, log: log, instance: String(identifiers.next().prefix(12)),
      canUse: { [unowned self] in pool.accounts[$0].isEnabled },
      defaultModel: { [unowned self] in models.catalog?.modelToPrepare })
  }

  package func close() {
    models.close()
    sessions.close()
  }

  // MARK: Accounts

  func lease(for exchange: ChatExchange, ticket: AccountPool.Ticket, preferred: AccountPool.AccountIndex?) -> AccountPool.Admission
  {
    let admission = pool.lease(ticket, preferred: preferred)
    if admission == .waiting { waiters[ticket] = exchange }
    return admission
  }

  func newTicket() -> AccountPool.Ticket { pool.newTicket() }

  func withdraw(_ ticket: AccountPool.Ticket) {
    guard waiters.removeValue(forKey: ticket) != nil else { return }
    pool.withdraw(ticket)
  }

  func release(_ account: AccountPool.AccountIndex) {
    guard let next = pool.release(account), let waiter = waiters.removeValue(forKey: next.ticket) else { return }
    waiter.leased(next.account)
  }

  // MARK: Running exchanges

  package var runningCount: Int { running.count }

  func began(_ exchange: ChatExchange) { running[ObjectIdentifier(exchange)] = exchange }

  func ended(_ exchange: ChatExchange) {
    running[ObjectIdentifier(exchange)] = nil
    guard running.isEmpty, let done = whenIdle else { return }
    whenIdle = nil
    done()
  }

  /// New requests on open connections are still served; `/health` says so.
  package func drain() { isDraining = true }

  /// Ends every running answer with an error.
  package func cutOff() {
    for exchange in running.values { exchange.cutOff() }
  }
}

import EventLoop
import Logging

/// What is done once for all loops, on the first: signing in, fetching the models, asking for credits, looking after sessions.
public final class Background {
  private let loop: EventLoop
  private let shared: SharedState
  private let desk: AccountDesk
  private let log: Logger
  private let fetcher: ModelFetcher
  private let tokens: TokenKeeper
  private let credits: CreditsWatch
  public let care: SessionCare

  init(
    loop: EventLoop, shared: SharedState, configuration: Configuration, upstream: UpstreamClient, desk: AccountDesk,
    keeper: SessionKeeper, models: ModelDirectory, log: Logger, publish: @escaping (ModelDirectory.Answer) -> Void
  ) {
    (self.loop, self.shared, self.desk, self.log) = (loop, shared, desk, log)
    fetcher = ModelFetcher(loop: loop, upstream: upstream, configuration: configuration, log: log)
    tokens = TokenKeeper(
      loop: loop, upstream: upstream, desk: desk, tokens: shared.tokens, configuration: configuration, log: log)
    credits = CreditsWatch(loop: loop, upstream: upstream, desk: desk)
    care = SessionCare(
      loop: loop, upstream: upstream, configuration: configuration, log: log, store: shared.sessions, keeper: keeper, desk: desk,
      defaultModel: { models.catalog?.modelToPrepare })
    fetcher.publish = publish
  }

  func start() {
    fetcher.usableAccounts = { [unowned self] in
      let now = loop.now
      return desk.read { pool in pool.accounts.indices.filter { pool.accounts[$0].canServe(now) } }
    }
    fetcher.whyNoAccount = { [unowned self] in whyNoAccount }
    fetcher.onTokenRejected = { [unowned self] account, error in rejected(account, error) }
    tokens.onToken = { [unowned self] _ in fetcher.fetchIfMissing() }
    tokens.start()
    credits.start()
    fetcher.fetch()
  }

  func perform(_ task: BackgroundTask) {
    switch task {
    case .fetchModels: fetcher.fetchIfMissing()
    case .renewToken(let account, let generation): tokens.refused(account, generation: generation)
    case .delete(let session, let account): care.janitor.discard(id: session, account: account)
    case .sweep(let account): care.sweep(account)
    }
  }

  func close() {
    fetcher.close()
    tokens.close()
    credits.close()
    care.close()
  }

  /// Everything but the accounts, which have their new configuration already.
  func configure(_ configuration: Configuration) {
    fetcher.configure(configuration)
    care.configure(configuration)
    fetcher.fetchIfMissing()
  }

  /// An account has another token or another password, or joins.
  func configure(_ account: AccountPool.AccountIndex, _ cookie: Configuration.Cookie) { tokens.configure(account, cookie) }

  private func rejected(_ account: AccountPool.AccountIndex, _ error: GatewayError) {
    desk.change { pool, now in pool.expire(account, error.message, now: now) }
    let (name, generation) = desk.read { ($0.accounts[account].name, $0.accounts[account].tokenGeneration) }
    log.warning("account \(name) is out of service until its token is renewed: \(error.message)")
    tokens.refused(account, generation: generation)
  }

  private var whyNoAccount: GatewayError? {
    let accounts = desk.read { pool in pool.accounts.filter { !$0.isDraining } }
    if accounts.isEmpty { return .noCookies }
    if tokens.isBusy { return nil }
    let words = desk.description()
    return accounts.contains { $0.isEnabled && !$0.isDead }
      ? .poolUnavailable(words, retryAfterSeconds: nil) : .credentialsExhausted(words)
  }
}

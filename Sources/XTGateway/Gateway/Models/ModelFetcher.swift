import EventLoop
import Logging
import XSTech

/// Keeps the list of models for all loops: fetched at start and then regularly, one fetch at a time; a failing fetch keeps the last list.
final class ModelFetcher {
  private let upstream: UpstreamClient
  private var configuration: Configuration
  private var list: ModelList?
  private let log: Logger
  private let loop: EventLoop
  private lazy var timer = makeTimer()
  private var isFetching = false
  private var failuresInARow = 0
  private var nextAccount = 0
  private var catalog: ModelCatalog?
  /// Until the next try, when no account can be asked.
  private static let noAccountMilliseconds: UInt64 = 5000
  /// Which accounts may be asked now.
  var usableAccounts: () -> [AccountPool.AccountIndex] = { [] }
  /// What to answer while there is none; nil: one is being signed in, wait.
  var whyNoAccount: () -> GatewayError? = { .noCookies }
  /// The upstream does not accept an account's token.
  var onTokenRejected: (AccountPool.AccountIndex, GatewayError) -> Void = { _, _ in }
  /// Tells every loop's directory what came of a fetch.
  var publish: (ModelDirectory.Answer) -> Void = { _ in }

  init(loop: EventLoop, upstream: UpstreamClient, configuration: Configuration, log: Logger) {
    (self.loop, self.upstream, self.configuration, self.log) = (loop, upstream, configuration, log)
  }

  /// Another filter, other aliases: made from the list at hand.
  func configure(_ configuration: Configuration) {
    self.configuration = configuration
    if let list { use(list) }
  }

  private func use(_ list: ModelList) {
    let catalog = ModelCatalog(list, configuration: configuration)
    report(catalog)
    self.catalog = catalog
    publish(.success(catalog))
  }

  /// Somebody waits for the first list, or an account came (back) into service.
  func fetchIfMissing() {
    if catalog == nil { fetch() }
  }

  func close() { timer.close() }

  private func makeTimer() -> LoopTimer {
    let timer = LoopTimer(loop: loop) { [weak self] in self?.fetch() }
    timer.keepsLoopAlive(false)
    return timer
  }

  func fetch() {
    guard !isFetching else { return }
    let accounts = usableAccounts()
    guard !accounts.isEmpty else {
      if let reason = whyNoAccount() { publish(.failure(reason)) }
      // Accounts come back.
      return timer.start(after: Self.noAccountMilliseconds)
    }
    isFetching = true
    let account = accounts[nextAccount % accounts.count]
    upstream.call(.models, account: account) { [weak self] outcome in
      if case .failure(let error) = outcome, error.isOfToken { self?.onTokenRejected(account, error) }
      self?.fetched(outcome, accounts: accounts.count)
    }
  }

  private func fetched(_ outcome: JSONCall.Outcome, accounts: Int) {
    isFetching = false
    switch outcome {
    case .success(let data):
      guard let list = data.flatMap(ModelList.init) else {
        return failed(.badResponse("the list of models has no models"), accounts: accounts)
      }
      failuresInARow = 0
      self.list = list
      timer.start(after: UInt64(configuration.models.refreshSeconds) * 1000)
      use(list)
    case .failure(let error): failed(error, accounts: accounts)
    }
  }

  private func failed(_ error: GatewayError, accounts: Int) {
    failuresInARow += 1
    nextAccount += 1
    // No account is left, or one is being signed in.
    if catalog == nil, error.isOfToken, usableAccounts().isEmpty { return fetch() }
    // Another account may be able to: each is tried once before anybody is told.
    if catalog == nil, failuresInARow < accounts, failuresInARow < 3 { return fetch() }
    let delay = min(UInt64(1000) << UInt64(min(failuresInARow - 1, 5)), UInt64(configuration.models.refreshSeconds) * 1000)
    let consequence = catalog == nil ? "no model can be served yet" : "the last list stays in use"
    log.warning("the list of models could not be fetched (\(error.message)); \(consequence), next try in \(max(1, delay / 1000)) s")
    timer.start(after: delay)
    publish(.failure(.modelsNotLoaded(error.message)))
  }

  private func report(_ catalog: ModelCatalog) {
    guard catalog.entries != self.catalog?.entries else { return }
    log.info("\(catalog.entries.count) models on offer")
    for warning in catalog.warnings { log.warning("\(warning)") }
    if catalog.entries.isEmpty {
      let labels = configuration.models.credits.joined(separator: ", ")
      log.warning("no model has one of the price labels in models.credits (\(labels)): no model can be served")
    }
  }
}

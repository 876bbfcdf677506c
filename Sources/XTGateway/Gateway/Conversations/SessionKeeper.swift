import EventLoop
import Logging
import XSTech

/// Looks after the sessions that no request holds: the table of live ones, the reserve of prepared ones, and their ends.
///
/// Everything it asks of the upstream happens in the background, a few calls at a time, and never in the way of a request.
package final class SessionKeeper {
  private let loop: EventLoop
  private let upstream: UpstreamClient
  private var configuration: Configuration
  private let log: Logger
  /// Which accounts may be asked to do something now.
  private let canUse: (AccountPool.AccountIndex) -> Bool
  private let defaultModel: () -> String?

  /// What sessions of this process are called: `xtgateway/` and an id of its own.
  package let name: String
  package let janitor: SessionJanitor
  package private(set) var table: ConversationTable
  package private(set) var reserve: SessionReserve
  package private(set) var statistics = Statistics()
  private var isClosing = false
  private var preparing = 0
  private var failuresInARow = 0
  private var sweptAccounts: Set<AccountPool.AccountIndex> = []
  private lazy var cleanupTimer = makeTimer { $0.cleanUp() }
  private lazy var retryTimer = makeTimer { $0.refill() }

  package struct Statistics: Sendable {
    package var hits = 0
    package var misses = 0
    package var replays = 0
    package var expired = 0
  }

  /// Calls at a time that prepare sessions.
  private static let parallelPreparations = 2

  package init(
    loop: EventLoop, upstream: UpstreamClient, configuration: Configuration, log: Logger, instance: String,
    canUse: @escaping (AccountPool.AccountIndex) -> Bool, defaultModel: @escaping () -> String?
  ) {
    (self.loop, self.upstream, self.configuration, self.log) = (loop, upstream, configuration, log)
    (self.canUse, self.defaultModel) = (canUse, defaultModel)
    name = Leftovers.namePrefix + instance
    janitor = SessionJanitor(loop: loop, upstream: upstream, log: log)
    table = ConversationTable(capacity: configuration.sessions.max)
    reserve = SessionReserve(accounts: configuration.cookies.count, target: configuration.sessions.preparedPerCookie)
  }

  /// The upstream answers: prepares sessions and looks for leftovers.
  package func start() {
    let interval = UInt64(configuration.sessions.cleanupIntervalSeconds) * 1000
    cleanupTimer.start(after: interval, repeating: interval)
    refill()
    for account in 0..<reserve.accountCount where reserve.target == 0 && canUse(account) { probe(account) }
  }

  /// The configuration changed; accounts may have joined.
  package func configure(_ configuration: Configuration, accounts: Int) {
    self.configuration = configuration
    reserve.grow(to: accounts)
    table.capacity = configuration.sessions.max
    reserve.target = configuration.sessions.preparedPerCookie
    let interval = UInt64(configuration.sessions.cleanupIntervalSeconds) * 1000
    cleanupTimer.start(after: interval, repeating: interval)
    refill()
  }

  /// An account was removed: what it holds is deleted.
  package func leave(_ account: AccountPool.AccountIndex) {
    for session in table.remove(account: account) + reserve.remove(account: account) { discard(session) }
  }

  package func close() {
    isClosing = true
    cleanupTimer.close()
    retryTimer.close()
    janitor.close()
  }

  private func makeTimer(_ fire: @escaping (SessionKeeper) -> Void) -> LoopTimer {
    let timer = LoopTimer(loop: loop) { [weak self] in if let self { fire(self) } }
    timer.keepsLoopAlive(false)
    return timer
  }

  // MARK: What requests ask for

  /// Takes the session that knows exactly the conversation `key`; nil: none does.
  func take(_ key: ConversationKey) -> LiveSession? {
    guard let session = table.take(key) else {
      statistics.misses += 1
      return nil
    }
    statistics.hits += 1
    return session
  }

  func noteReplay() { statistics.replays += 1 }

  /// Takes a session that knows nothing yet; nil: none is ready.
  func takePrepared(account: AccountPool.AccountIndex, model: String) -> LiveSession? {
    reserve.note(model: model)
    defer { refill() }
    return reserve.take(account: account, model: model)
  }

  func file(_ session: LiveSession, under key: ConversationKey) {
    guard !isClosing else { return discard(session) }
    if let evicted = table.file(session, under: key, now: loop.now) { discard(evicted) }
  }

  /// A session that knows nothing was not used after all.
  func putBack(_ session: LiveSession) {
    if isClosing || !reserve.wants(account: session.account) { discard(session) } else { reserve.put(session, now: loop.now) }
  }

  func discard(_ session: LiveSession) { janitor.discard(session) }
  func discard(id: Int, account: AccountPool.AccountIndex) { janitor.discard(id: id, account: account) }

  /// Deletes upstream everything that no request holds. `done` comes when that is through or given up.
  package func deleteAll(_ done: @escaping () -> Void) {
    isClosing = true
    for session in table.removeAll() + reserve.removeAll() { discard(session) }
    janitor.flush(done)
  }

  // MARK: Expiry

  private func cleanUp() {
    let age = UInt64(configuration.sessions.idleTimeoutSeconds) * 1000
    guard loop.now >= age else { return }
    for session in reserve.takeStale(since: loop.now - age / 2) {
      reserve.began(account: session.account)
      set(session)
    }
    let expired = table.expire(filedBefore: loop.now - age)
    statistics.expired += expired.count
    if !expired.isEmpty { log.debug("\(expired.count) idle conversations ended") }
    for session in expired {
      if reserve.wants(account: session.account), canUse(session.account) { recycle(session) } else { discard(session) }
    }
  }

  /// Makes a conversation's session forget it, and ready for another.
  private func recycle(_ session: LiveSession) {
    reserve.began(account: session.account)
    upstream.call(.clearContext(id: session.session.id), account: session.account) { [weak self] outcome in
      guard let self else { return }
      guard case .success = outcome else { return gaveUp(session) }
      var session = session
      session.wasCleared()
      set(session)
    }
  }

  // MARK: Preparing

  private func refill() {
    guard !isClosing, reserve.target > 0, preparing < Self.parallelPreparations, !retryTimer.isActive else { return }
    guard let model = reserve.favouriteModel ?? defaultModel() else { return }
    guard let account = reserve.neediest(among: (0..<reserve.accountCount).lazy.filter { self.canUse($0) }) else { return }
    preparing += 1
    reserve.began(account: account)
    upstream.call(.createSession(model: model), account: account, body: Call.createSessionBody(model: model)) {
      [weak self] outcome in
      self?.made(outcome, account: account)
    }
    refill()
  }

  private func made(_ outcome: JSONCall.Outcome, account: AccountPool.AccountIndex) {
    preparing -= 1
    guard case .success(let data) = outcome, let session = data.flatMap(Session.init) else {
      reserve.ended(account: account, nil, now: loop.now)
      return prepareLater(outcome)
    }
    failuresInARow = 0
    sweep(account, upstreamNow: session.updated)
    set(LiveSession(account: account, session: session))
    refill()
  }

  private func prepareLater(_ outcome: JSONCall.Outcome) {
    failuresInARow += 1
    if case .failure(let error) = outcome { log.debug("a session could not be prepared: \(error.message)") }
    retryTimer.start(after: min(60_000, UInt64(1000) << UInt64(min(failuresInARow, 6))))
  }

  /// Gives a session that knows nothing its name and its settings, and puts it in reserve.
  private func set(_ session: LiveSession) {
    let settings = session.preparedSettings(model: reserve.favouriteModel ?? defaultModel() ?? session.model)
    let body = session.session.updateBody(settings, name: name)
    upstream.call(.updateSession(id: session.session.id), account: session.account, body: body) { [weak self] outcome in
      guard let self else { return }
      guard case .success = outcome, !isClosing else { return gaveUp(session) }
      var session = session
      session.wasUpdated(to: settings)
      reserve.ended(account: session.account, session, now: loop.now)
      refill()
    }
  }

  private func gaveUp(_ session: LiveSession) {
    reserve.ended(account: session.account, nil, now: loop.now)
    discard(session)
  }

  // MARK: Leftovers

  /// Makes a session only to learn the upstream's time.
  private func probe(_ account: AccountPool.AccountIndex) {
    guard let model = defaultModel() else { return }
    upstream.call(.createSession(model: model), account: account, body: Call.createSessionBody(model: model)) {
      [weak self] outcome in
      guard let self, case .success(let data) = outcome, let session = data.flatMap(Session.init) else { return }
      discard(id: session.id, account: account)
      sweep(account, upstreamNow: session.updated)
    }
  }

  /// Looks through an account's sessions once, page after page.
  private func sweep(_ account: AccountPool.AccountIndex, upstreamNow: String) {
    guard sweptAccounts.insert(account).inserted else { return }
    sweep(account, page: 1, found: [], upstreamNow: upstreamNow)
  }

  /// More pages than any account can have.
  private static let maxPages = 200

  /// Deletes only when all pages are read: a page shifts when something on an earlier one goes.
  private func sweep(_ account: AccountPool.AccountIndex, page: Int, found: [Int], upstreamNow: String) {
    upstream.call(.listSessions(page: page), account: account) { [weak self] outcome in
      guard let self, !isClosing else { return }
      guard case .success(let data) = outcome, let list = data.flatMap(SessionPage.init) else { return delete(found, of: account) }
      let leftovers = list.records.filter {
        Leftovers.isLeftover(
          name: $0.name, updated: $0.updated, ownName: self.name, upstreamNow: upstreamNow,
          idleSeconds: self.configuration.sessions.idleTimeoutSeconds + self.configuration.sessions.cleanupIntervalSeconds)
      }
      let all = found + leftovers.map(\.id)
      if page < min(list.pages, Self.maxPages), !list.records.isEmpty {
        sweep(account, page: page + 1, found: all, upstreamNow: upstreamNow)
      } else {
        delete(all, of: account)
      }
    }
  }

  private func delete(_ leftovers: [Int], of account: AccountPool.AccountIndex) {
    guard !leftovers.isEmpty else { return }
    log.info(
      "\(leftovers.count) sessions that an earlier gateway left behind on account \(account + 1) are deleted")
    for id in leftovers { janitor.discard(id: id, account: account) }
  }
}

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
  private let accountName: (AccountPool.AccountIndex) -> String
  /// Which accounts may be asked to do something now.
  private let canUse: (AccountPool.AccountIndex) -> Bool
  private let defaultModel: () -> String?

  /// What sessions of this process are called: `xtgateway/` and an id of its own.
  package let name: String
  package let janitor: SessionJanitor
  package private(set) var table: ConversationTable
  package private(set) var reserve: SessionReserve
  package private(set) var statistics = Statistics()
  /// Touches the sessions of running requests that have not been touched for long.
  package var touchRunning: () -> Void = {}
  private var isClosing = false
  private var preparing = 0
  private var failuresInARow = 0
  private let sweeper: LeftoverSweeper
  /// Calls under way that end with a session to be kept or deleted.
  private var underWay = 0
  private var whenQuiet: (() -> Void)?
  private lazy var cleanupTimer = makeTimer { $0.cleanUp() }
  private lazy var retryTimer = makeTimer { $0.refill() }
  private lazy var freshTimer = makeTimer { $0.keepFresh() }

  package struct Statistics: Sendable {
    package var hits = 0
    package var misses = 0
    package var replays = 0
    package var expired = 0
    package var ended: [EndReason: Int] = [:]
  }

  /// Why a conversation's session was given up.
  package enum EndReason: String, CaseIterable, Sendable { case expired, evicted, failed, worn, removed, shutdown }

  /// Calls at a time that prepare sessions.
  private static let parallelPreparations = 2
  /// The upstream keeps about 1,000 sessions of an account; this leaves room for those in use, those being deleted, and the owner's.
  private static let largestShare = 900
  /// Sessions that have to go when an account is full, so that not every new one needs another's place.
  private static let sessionsToClear = 20

  package init(
    loop: EventLoop, upstream: UpstreamClient, configuration: Configuration, log: Logger, instance: String,
    accountName: @escaping (AccountPool.AccountIndex) -> String, canUse: @escaping (AccountPool.AccountIndex) -> Bool,
    defaultModel: @escaping () -> String?
  ) {
    (self.loop, self.upstream, self.configuration, self.log) = (loop, upstream, configuration, log)
    (self.accountName, self.canUse, self.defaultModel) = (accountName, canUse, defaultModel)
    name = Leftovers.namePrefix + instance
    let janitor = SessionJanitor(loop: loop, upstream: upstream, log: log)
    self.janitor = janitor
    sweeper = LeftoverSweeper(loop: loop, upstream: upstream, configuration: configuration, ownName: name) { ids, account in
      log.info("\(ids.count) sessions that an earlier gateway left behind on \(accountName(account)) are deleted")
      for id in ids { janitor.discard(id: id, account: account) }
    }
    table = ConversationTable(capacity: configuration.sessions.max, accountCapacity: Self.largestShare)
    reserve = SessionReserve(accounts: configuration.cookies.count, target: configuration.sessions.preparedPerCookie)
  }

  /// The upstream answers: prepares sessions and looks for leftovers.
  package func start() {
    startTimers()
    refill()
    for account in 0..<reserve.accountCount where reserve.target == 0 && canUse(account) { probe(account) }
  }

  /// The configuration changed; accounts may have joined.
  package func configure(_ configuration: Configuration, accounts: Int) {
    self.configuration = configuration
    reserve.grow(to: accounts)
    table.capacity = configuration.sessions.max
    reserve.target = configuration.sessions.preparedPerCookie
    startTimers()
    refill()
  }

  /// An account was removed: what it holds is deleted.
  package func leave(_ account: AccountPool.AccountIndex) {
    let conversations = table.remove(account: account)
    noteEnd(.removed, count: conversations.count)
    for session in conversations + reserve.remove(account: account) { discard(session) }
  }

  package func close() {
    isClosing = true
    cleanupTimer.close()
    retryTimer.close()
    freshTimer.close()
    sweeper.close()
    janitor.close()
  }

  private func startTimers() {
    let interval = UInt64(configuration.sessions.cleanupIntervalSeconds) * 1000
    cleanupTimer.start(after: interval, repeating: interval)
    freshTimer.start(after: max(250, idleMilliseconds / 4), repeating: max(250, idleMilliseconds / 4))
  }

  private func makeTimer(_ fire: @escaping (SessionKeeper) -> Void) -> LoopTimer {
    let timer = LoopTimer(loop: loop) { [weak self] in if let self { fire(self) } }
    timer.keepsLoopAlive(false)
    return timer
  }

  // MARK: What requests ask for

  /// Takes the session that knows exactly the conversation `key`; nil: none does.
  func take(_ key: ConversationKey) -> LiveSession? {
    // What has expired is not taken up again, even if the clean-up has not come by yet: others may delete it already.
    let (now, age) = (loop.now, idleMilliseconds)
    guard let session = table.take(key, since: now > age ? now - age : 0) else {
      statistics.misses += 1
      return nil
    }
    statistics.hits += 1
    return session
  }

  /// A session that was not touched for so long has to be, if it is still needed.
  var touchMilliseconds: UInt64 { idleMilliseconds / 2 }
  private var idleMilliseconds: UInt64 { UInt64(configuration.sessions.idleTimeoutSeconds) * 1000 }

  func noteReplay() { statistics.replays += 1 }
  func noteEnd(_ reason: EndReason, count: Int = 1) { statistics.ended[reason, default: 0] += count }

  /// Takes a session that knows nothing yet; nil: none is ready.
  func takePrepared(account: AccountPool.AccountIndex, model: String) -> LiveSession? {
    reserve.note(model: model)
    defer { refill() }
    return reserve.take(account: account, model: model)
  }

  func file(_ session: LiveSession, under key: ConversationKey) {
    guard !isClosing else { return discard(session) }
    if let evicted = table.file(session, under: key, now: loop.now) {
      noteEnd(.evicted)
      discard(evicted)
    }
  }

  /// A session that knows nothing was not used after all.
  func putBack(_ session: LiveSession) {
    if isClosing || !reserve.wants(account: session.account) { discard(session) } else { reserve.put(session) }
  }

  func discard(_ session: LiveSession) { janitor.discard(session) }
  func discard(id: Int, account: AccountPool.AccountIndex) { janitor.discard(id: id, account: account) }

  /// Deletes upstream everything that no request holds, what is just being made included. `done` comes when that is through or given up.
  package func deleteAll(_ done: @escaping () -> Void) {
    isClosing = true
    noteEnd(.shutdown, count: table.count)
    for session in table.removeAll() + reserve.removeAll() { discard(session) }
    whenQuiet = { [janitor] in janitor.flush(done) }
    settle()
  }

  private func began() { underWay += 1 }

  private func ended() {
    underWay -= 1
    settle()
  }

  private func settle() {
    guard underWay == 0, let quiet = whenQuiet else { return }
    whenQuiet = nil
    quiet()
  }

  // MARK: Making

  /// Makes a session. Where the account is full, the conversation that was idle longest gives up its own.
  func make(
    account: AccountPool.AccountIndex, model: String, _ done: @escaping (Result<LiveSession, GatewayError>) -> Void
  ) {
    began()
    upstream.call(.createSession(model: model), account: account, body: Call.createSessionBody(model: model)) { [self] outcome in
      defer { ended() }
      switch outcome {
      case .success(let data):
        guard let session = data.flatMap(Session.init) else { return done(.failure(.badResponse("a new session has no id"))) }
        sweeper.noteTime(session.updated, account: account)
        var made = LiveSession(account: account, session: session)
        made.touchedAt = loop.now
        done(.success(made))
      case .failure(let error):
        guard Self.saysFull(error), let session = makeRoom(account) else { return done(.failure(error)) }
        clear(session, done)
      }
    }
  }

  private static func saysFull(_ error: GatewayError) -> Bool {
    let words = error.message.lowercased()
    return words.contains("会话数") || words.contains("会话已达") || words.contains("too many sessions")
  }

  private func makeRoom(_ account: AccountPool.AccountIndex) -> LiveSession? {
    guard !isClosing, let session = table.evictOldest(of: account) else { return nil }
    log.info("\(accountName(account)) holds as many sessions as it can: the longest idle make room")
    for _ in 0..<min(Self.sessionsToClear, table.count(account: account) / 4) {
      if let another = table.evictOldest(of: account) {
        noteEnd(.evicted)
        discard(another)
      }
    }
    noteEnd(.evicted)
    return session
  }

  /// Makes a session forget its conversation.
  private func clear(_ session: LiveSession, _ done: @escaping (Result<LiveSession, GatewayError>) -> Void) {
    began()
    upstream.call(.clearContext(id: session.session.id), account: session.account) { [self] outcome in
      defer { ended() }
      switch outcome {
      case .success:
        var session = session
        session.wasCleared()
        session.touchedAt = loop.now
        done(.success(session))
      case .failure(let error):
        discard(session)
        done(.failure(error))
      }
    }
  }

  // MARK: Expiry

  private func cleanUp() {
    sweeper.tick()
    let age = idleMilliseconds
    guard loop.now >= age else { return }
    let expired = table.expire(filedBefore: loop.now - age)
    statistics.expired += expired.count
    noteEnd(.expired, count: expired.count)
    if !expired.isEmpty { log.debug("\(expired.count) idle conversations ended") }
    for session in expired {
      if reserve.wants(account: session.account), canUse(session.account) { recycle(session) } else { discard(session) }
    }
  }

  /// Makes a conversation's session forget it, and ready for another.
  private func recycle(_ session: LiveSession) {
    reserve.began(account: session.account)
    clear(session) { [self] outcome in
      switch outcome {
      case .success(let session): set(session)
      case .failure: reserve.ended(account: session.account, nil)
      }
    }
  }

  /// A prepared session may have to wait long; other gateways must see that somebody looks after it.
  private func keepFresh() {
    touchRunning()
    guard loop.now >= idleMilliseconds / 2 else { return }
    for session in reserve.takeStale(updatedBefore: loop.now - idleMilliseconds / 2) {
      if canUse(session.account) {
        reserve.began(account: session.account)
        set(session)
      } else {
        discard(session)
      }
    }
  }

  // MARK: Preparing

  private func refill() {
    guard !isClosing, reserve.target > 0, preparing < Self.parallelPreparations, !retryTimer.isActive else { return }
    guard let model = reserve.favouriteModel ?? defaultModel() else { return }
    guard let account = reserve.neediest(among: (0..<reserve.accountCount).lazy.filter { self.canUse($0) }) else { return }
    preparing += 1
    reserve.began(account: account)
    make(account: account, model: model) { [self] outcome in
      preparing -= 1
      switch outcome {
      case .success(let session):
        failuresInARow = 0
        set(session)
        refill()
      case .failure(let error):
        reserve.ended(account: account, nil)
        prepareLater(error)
      }
    }
    refill()
  }

  private func prepareLater(_ error: GatewayError) {
    failuresInARow += 1
    log.debug("a session could not be prepared: \(error.message)")
    guard !isClosing else { return }
    retryTimer.start(after: min(60_000, UInt64(1000) << UInt64(min(failuresInARow, 6))))
  }

  /// Gives a session that knows nothing its name and its settings, and puts it in reserve.
  private func set(_ session: LiveSession) {
    let settings = session.preparedSettings(model: reserve.favouriteModel ?? defaultModel() ?? session.model)
    let body = session.session.updateBody(settings, name: name)
    began()
    upstream.call(.updateSession(id: session.session.id), account: session.account, body: body) { [self] outcome in
      defer { ended() }
      guard case .success = outcome, !isClosing else { return gaveUp(session) }
      var session = session
      session.wasUpdated(to: settings)
      session.touchedAt = loop.now
      reserve.ended(account: session.account, session, updatedAt: loop.now)
      refill()
    }
  }

  private func gaveUp(_ session: LiveSession) {
    reserve.ended(account: session.account, nil)
    discard(session)
  }

  /// Makes a session only to learn the upstream's time, which the look for leftovers needs.
  private func probe(_ account: AccountPool.AccountIndex) {
    guard let model = defaultModel() else { return }
    make(account: account, model: model) { [self] outcome in if case .success(let session) = outcome { discard(session) } }
  }
}

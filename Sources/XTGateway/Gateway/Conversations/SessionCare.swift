import EventLoop
import Logging
import XSTech

/// Looks after the sessions that no request holds, for all loops: expiry, freshness, what crashed gateways left behind, and the end.
public final class SessionCare {
  private let loop: EventLoop
  private let log: Logger
  private let store: Locked<SessionStore>
  private let keeper: SessionKeeper
  private let desk: AccountDesk
  private let sweeper: LeftoverSweeper
  public let janitor: SessionJanitor
  private var configuration: Configuration
  private let defaultModel: () -> String?
  private lazy var cleanupTimer = makeTimer { $0.cleanUp() }
  private lazy var freshTimer = makeTimer { $0.keepFresh() }

  init(
    loop: EventLoop, upstream: UpstreamClient, configuration: Configuration, log: Logger, store: Locked<SessionStore>,
    keeper: SessionKeeper, desk: AccountDesk, defaultModel: @escaping () -> String?
  ) {
    (self.loop, self.configuration, self.log, self.store) = (loop, configuration, log, store)
    (self.keeper, self.desk, self.defaultModel) = (keeper, desk, defaultModel)
    let janitor = SessionJanitor(loop: loop, upstream: upstream, log: log) { count in store.withLock { $0.noteDeleted(count) } }
    self.janitor = janitor
    sweeper = LeftoverSweeper(loop: loop, upstream: upstream, configuration: configuration, ownName: keeper.name, store: store) {
      ids, account in
      log.info(
        "\(ids.count) sessions that an earlier gateway left behind on \(desk.read { $0.accounts[account].name }) are deleted")
      for id in ids { janitor.discard(id: id, account: account) }
    }
  }

  /// The upstream answers.
  func start() {
    startTimers()
    guard configuration.sessions.preparedPerCookie == 0 else { return }
    for account in 0..<desk.read({ $0.accounts.count }) where desk.canServe(account) { probe(account) }
  }

  func configure(_ configuration: Configuration) {
    self.configuration = configuration
    sweeper.configure(configuration)
    startTimers()
  }

  /// An account was removed: what it holds is deleted.
  func leave(_ account: AccountPool.AccountIndex) {
    for session in store.withLock({ $0.leave(account) }) { keeper.discard(session) }
  }

  /// The first session of an account was made.
  func sweep(_ account: AccountPool.AccountIndex) { sweeper.sweep(account) }

  /// Deletes upstream everything that no request holds. `done` comes when that is through or given up.
  public func deleteAll(_ done: @escaping () -> Void) {
    for session in store.withLock({ $0.removeAll() }) { keeper.discard(session) }
    janitor.flush(done)
  }

  func close() {
    cleanupTimer.close()
    freshTimer.close()
    sweeper.close()
    janitor.close()
  }

  private func startTimers() {
    let interval = UInt64(configuration.sessions.cleanupIntervalSeconds) * 1000
    cleanupTimer.start(after: interval, repeating: interval)
    let quarter = max(250, configuration.sessions.idleMilliseconds / 4)
    freshTimer.start(after: quarter, repeating: quarter)
  }

  private func makeTimer(_ fire: @escaping (SessionCare) -> Void) -> LoopTimer {
    let timer = LoopTimer(loop: loop) { [weak self] in if let self { fire(self) } }
    timer.keepsLoopAlive(false)
    return timer
  }

  /// Which accounts can be asked to do something now; asked of the pool before the store is, so that never two locks are held.
  private func usable() -> [Bool] {
    let now = loop.now
    return desk.read { pool in pool.accounts.map { $0.canServe(now) } }
  }

  private func cleanUp() {
    sweeper.tick()
    let (usable, now) = (usable(), loop.now)
    let (reusable, useless) = store.withLock { $0.expire(now: now) { usable[$0] } }
    if reusable.count + useless.count > 0 { log.debug("\(reusable.count + useless.count) idle conversations ended") }
    for session in reusable { keeper.recycle(session) }
    for session in useless { keeper.discard(session) }
  }

  /// A prepared session may have to wait long; other gateways must see that somebody looks after it.
  private func keepFresh() {
    let (usable, now) = (usable(), loop.now)
    let (stale, useless) = store.withLock { $0.takeStale(now: now) { usable[$0] } }
    for session in stale { keeper.set(session) }
    for session in useless { keeper.discard(session) }
  }

  /// Makes a session only to learn the upstream's time, which the look for leftovers needs.
  private func probe(_ account: AccountPool.AccountIndex) {
    guard let model = defaultModel() else { return }
    keeper.make(account: account, model: model) { [keeper] outcome in
      if case .success(let session) = outcome { keeper.discard(session) }
    }
  }
}

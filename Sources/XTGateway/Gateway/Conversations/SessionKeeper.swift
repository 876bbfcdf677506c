import EventLoop
import Logging
import XSTech

/// One loop's way to the sessions that no request holds. It makes those that its requests need, and makes others ahead in the place of those
/// that it took, so that no loop works for another.
///
/// What it asks of the upstream ahead of need happens in the background, a few calls at a time, and never in the way of a request or of
/// a running answer: each of these calls has a turn of the loop to itself.
public final class SessionKeeper: TurnWork {
  private let loop: EventLoop
  private let upstream: UpstreamClient
  private var configuration: Configuration
  private let log: Logger
  private let store: Locked<SessionStore>
  private let desk: AccountDesk
  private let defaultModel: () -> String?

  /// What sessions of this process are called: `xtgateway/` and an id of its own.
  public let name: String
  /// Touches the sessions of this loop's running requests that have not been touched for long.
  var touchRunning: () -> Void = {}
  /// Has a session deleted upstream.
  var onDiscard: (_ id: Int, AccountPool.AccountIndex) -> Void = { _, _ in }
  /// The first session of an account was made: the upstream's time is known.
  var onFirstSession: (AccountPool.AccountIndex) -> Void = { _ in }
  private var preparing = 0
  private var failuresInARow = 0
  /// What the next turns are for: calls for sessions that are promised to the reserve. When there are none, it may want another one.
  private var errands = FIFOQueue<Errand>()
  private var hasTurn = false
  /// Calls under way that end with a session to be kept or deleted.
  private var underWay = 0
  private var whenQuiet: (() -> Void)?
  private lazy var retryTimer = makeTimer { $0.refill() }
  private lazy var touchTimer = makeTimer { $0.touchRunning() }

  private struct Errand {
    let session: LiveSession
    /// Whether it has to forget its conversation before it is set.
    let clears: Bool
  }

  /// Calls at a time that prepare sessions.
  private static let parallelPreparations = 2

  init(
    loop: EventLoop, upstream: UpstreamClient, configuration: Configuration, log: Logger, name: String, store: Locked<SessionStore>,
    desk: AccountDesk, defaultModel: @escaping () -> String?
  ) {
    (self.loop, self.upstream, self.configuration, self.log) = (loop, upstream, configuration, log)
    (self.name, self.store, self.desk, self.defaultModel) = (name, store, desk, defaultModel)
  }

  /// The upstream answers.
  func start() {
    startTimer()
    refill()
  }

  /// The configuration changed; the store knows already.
  func configure(_ configuration: Configuration) {
    self.configuration = configuration
    startTimer()
    refill()
  }

  func close() {
    retryTimer.close()
    touchTimer.close()
  }

  private func startTimer() {
    let interval = max(250, configuration.sessions.idleMilliseconds / 4)
    touchTimer.start(after: interval, repeating: interval)
  }

  private func makeTimer(_ fire: @escaping (SessionKeeper) -> Void) -> LoopTimer {
    let timer = LoopTimer(loop: loop) { [unowned self] in fire(self) }
    timer.keepsLoopAlive(false)
    return timer
  }

  // MARK: What requests ask for

  /// Takes the session that knows exactly the conversation `key`; nil: none does.
  func take(_ key: ConversationKey) -> LiveSession? {
    let now = loop.now
    return store.withLock { $0.take(key, now: now) }
  }

  /// A session that was not touched for so long has to be, if it is still needed.
  var touchMilliseconds: UInt64 { configuration.sessions.idleMilliseconds / 2 }

  func noteReplay() { store.withLock { $0.noteReplay() } }
  func noteEnd(_ reason: SessionStore.EndReason) { store.withLock { $0.noteEnd(reason) } }

  /// Takes a session that knows nothing yet; nil: none is ready.
  func takePrepared(account: AccountPool.AccountIndex, model: String) -> LiveSession? {
    // Not now: the request that asks has more to do, and other streams wait while it does.
    defer { refillLater() }
    return store.withLock { $0.takePrepared(account: account, model: model) }
  }

  func file(_ session: LiveSession, under key: ConversationKey) {
    let now = loop.now
    if let useless = store.withLock({ $0.file(session, under: key, now: now) }) { discard(useless) }
  }

  /// A session that knows nothing was not used after all.
  func putBack(_ session: LiveSession) { if let useless = store.withLock({ $0.putBack(session) }) { discard(useless) } }

  func discard(_ session: LiveSession) { onDiscard(session.session.id, session.account) }

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
        noteTime(session.updated, account)
        var made = LiveSession(account: account, session: session)
        made.touchedAt = loop.now
        done(.success(made))
      case .failure(let error):
        guard Self.saysFull(error), let session = makeRoom(account) else { return done(.failure(error)) }
        clear(session, done)
      }
    }
  }

  private func noteTime(_ updated: String, _ account: AccountPool.AccountIndex) {
    guard let seconds = Leftovers.seconds(updated) else { return }
    let now = loop.now
    if store.withLock({ $0.note(seconds, account: account, now: now) }) { onFirstSession(account) }
  }

  private static func saysFull(_ error: GatewayError) -> Bool {
    let words = error.message.lowercased()
    return words.contains("会话数") || words.contains("会话已达") || words.contains("too many sessions")
  }

  private func makeRoom(_ account: AccountPool.AccountIndex) -> LiveSession? {
    guard let room = store.withLock({ $0.makeRoom(account: account) }) else { return nil }
    log.info("\(desk.read { $0.accounts[account].name }) holds as many sessions as it can: the longest idle make room")
    for session in room.evicted { discard(session) }
    return room.session
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

  // MARK: Preparing

  private var canPrepare: Bool {
    configuration.sessions.preparedPerCookie > 0 && preparing < Self.parallelPreparations && !retryTimer.isActive
  }

  private func refillLater() {
    guard !hasTurn, canPrepare, store.withLock({ !$0.isClosing && $0.reserve.isWanting }) else { return }
    awaitTurn()
  }

  private func awaitTurn() {
    guard !hasTurn else { return }
    hasTurn = true
    loop.enqueueOwnTurn(self)
  }

  public func runTurn() {
    hasTurn = false
    guard let errand = errands.popFirst() else { return refill() }
    run(errand)
    ended()
    if errands.isEmpty { refillLater() } else { awaitTurn() }
  }

  private func add(_ errand: Errand) {
    began()
    errands.append(errand)
    awaitTurn()
  }

  private func run(_ errand: Errand) {
    let session = errand.session
    // To be discarded it need not be made ready.
    guard !store.withLock({ $0.isClosing }) else { return endPreparing(session.account, session) }
    guard errand.clears else { return sendSettings(session) }
    clear(session) { [self] outcome in
      switch outcome {
      case .success(let session): set(session)
      case .failure: endPreparing(session.account, nil)
      }
    }
  }

  /// Begins one session, if one is wanted and it may be.
  private func refill() {
    guard canPrepare else { return }
    // One lock at a time: what changes in between is seen in the end.
    let wish = store.withLock { !$0.isClosing && $0.reserve.isWanting ? ($0.reserve.wanting, $0.reserve.favouriteModel) : nil }
    guard let (wanting, favourite) = wish, let model = favourite ?? defaultModel() else { return }
    let now = loop.now
    guard let account = desk.read({ $0.firstServing(among: wanting, now: now) }),
      store.withLock({ $0.beginPreparing(account: account) })
    else { return }
    preparing += 1
    make(account: account, model: model) { [self] outcome in
      preparing -= 1
      switch outcome {
      case .success(let session):
        failuresInARow = 0
        set(session)
        refillLater()
      case .failure(let error):
        endPreparing(account, nil)
        prepareLater(error)
      }
    }
    refillLater()
  }

  private func prepareLater(_ error: GatewayError) {
    failuresInARow += 1
    log.debug("a session could not be prepared: \(error.message)")
    retryTimer.start(after: min(60_000, UInt64(1000) << UInt64(min(failuresInARow, 6))))
  }

  /// Makes the session of a conversation that is over ready for another; the reserve was promised it.
  func recycle(_ session: LiveSession) { add(Errand(session: session, clears: true)) }

  /// Gives a session that knows nothing its name and its settings, and puts it in reserve, which was promised it.
  func set(_ session: LiveSession) { add(Errand(session: session, clears: false)) }

  private func sendSettings(_ session: LiveSession) {
    let model = store.withLock { $0.reserve.favouriteModel } ?? defaultModel() ?? session.model
    let settings = session.preparedSettings(model: model)
    let body = session.session.updateBody(settings, name: name)
    began()
    upstream.call(.updateSession(id: session.session.id), account: session.account, body: body) { [self] outcome in
      defer { ended() }
      guard case .success = outcome else {
        endPreparing(session.account, nil)
        return discard(session)
      }
      var session = session
      session.wasUpdated(to: settings)
      session.touchedAt = loop.now
      endPreparing(session.account, session)
      refillLater()
    }
  }

  private func endPreparing(_ account: AccountPool.AccountIndex, _ session: LiveSession?) {
    let now = loop.now
    if let useless = store.withLock({ $0.endPreparing(account: account, session, now: now) }) { discard(useless) }
  }

  // MARK: The end

  /// Calls `done` when no session is being made any more. The store is closed already.
  func settle(_ done: @escaping () -> Void) {
    whenQuiet = done
    tellQuiet()
  }

  private func began() { underWay += 1 }

  private func ended() {
    underWay -= 1
    tellQuiet()
  }

  private func tellQuiet() {
    guard underWay == 0, let quiet = whenQuiet else { return }
    whenQuiet = nil
    quiet()
  }
}

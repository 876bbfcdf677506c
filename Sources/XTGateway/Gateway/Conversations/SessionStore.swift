/// The sessions that no request holds, for all loops: the table of live ones and the reserve of prepared ones, with what is counted about
/// them. A pure state machine: time comes in as a parameter (ms, monotonic).
public struct SessionStore: Sendable {
  public struct Statistics: Sendable {
    public var hits = 0
    public var misses = 0
    public var replays = 0
    public var expired = 0
    public var deleted = 0
    public var ended: [EndReason: Int] = [:]

    /// The same in memory of its own, to be looked at without the lock.
    var copy: Statistics {
      var copy = self
      copy.ended = ended.mapValues { $0 }
      return copy
    }
  }

  /// Why a conversation's session was given up.
  public enum EndReason: String, CaseIterable, Sendable { case expired, evicted, failed, worn, removed, shutdown }

  /// The upstream's clock (s) at `at` (ms on the gateway's).
  struct UpstreamTime: Sendable {
    let seconds: Int
    let at: UInt64
  }

  public private(set) var table: ConversationTable
  public private(set) var reserve: SessionReserve
  public private(set) var statistics = Statistics()
  /// The process ends: whatever comes back is deleted.
  public private(set) var isClosing = false
  private var upstreamTimes: [AccountPool.AccountIndex: UpstreamTime] = [:]
  private var idleMilliseconds: UInt64

  /// The upstream keeps about 1,000 sessions of an account; this leaves room for those in use, those being deleted, and the owner's.
  private static let largestShare = 900
  /// Sessions that have to go when an account is full, so that not every new one needs another's place.
  private static let sessionsToClear = 20

  public init(_ configuration: Configuration) {
    table = ConversationTable(capacity: configuration.sessions.max, accountCapacity: Self.largestShare)
    reserve = SessionReserve(accounts: configuration.cookies.count, target: configuration.sessions.preparedPerCookie)
    idleMilliseconds = configuration.sessions.idleMilliseconds
  }

  /// The configuration changed; accounts may have joined.
  mutating func configure(_ configuration: Configuration, accounts: Int) {
    reserve.grow(to: accounts)
    reserve.target = configuration.sessions.preparedPerCookie
    table.capacity = configuration.sessions.max
    idleMilliseconds = configuration.sessions.idleMilliseconds
  }

  // MARK: What requests ask for

  /// Takes the session that knows exactly the conversation `key`; nil: none does.
  mutating func take(_ key: ConversationKey, now: UInt64) -> LiveSession? {
    // What has expired is not taken up again, even if the clean-up has not come by yet: others may delete it already.
    guard let session = table.take(key, since: now > idleMilliseconds ? now - idleMilliseconds : 0) else {
      statistics.misses += 1
      return nil
    }
    statistics.hits += 1
    return session
  }

  /// Files a session under what it knows now. Returns one that has to be deleted for it, if any.
  mutating func file(_ session: LiveSession, under key: ConversationKey, now: UInt64) -> LiveSession? {
    guard !isClosing else { return session }
    let evicted = table.file(session, under: key, now: now)
    if evicted != nil { noteEnd(.evicted) }
    return evicted
  }

  /// Takes a session that knows nothing yet; nil: none is ready.
  mutating func takePrepared(account: AccountPool.AccountIndex, model: String) -> LiveSession? {
    reserve.note(model: model)
    return reserve.take(account: account, model: model)
  }

  /// A session that knows nothing was not used after all. Returns it if it has to be deleted.
  mutating func putBack(_ session: LiveSession) -> LiveSession? {
    guard !isClosing, reserve.wants(account: session.account) else { return session }
    reserve.put(session)
    return nil
  }

  mutating func noteReplay() { statistics.replays += 1 }
  mutating func noteDeleted(_ count: Int) { statistics.deleted += count }

  mutating func noteEnd(_ reason: EndReason, count: Int = 1) {
    if count > 0 { statistics.ended[reason, default: 0] += count }
  }

  /// An account is full: its conversation that was idle longest gives up its session. Returns that and others that have to be deleted.
  mutating func makeRoom(account: AccountPool.AccountIndex) -> (session: LiveSession, evicted: [LiveSession])? {
    guard !isClosing, let session = table.evictOldest(of: account) else { return nil }
    let count = min(Self.sessionsToClear, table.count(account: account) / 4)
    let evicted = (0..<count).compactMap { _ in table.evictOldest(of: account) }
    noteEnd(.evicted, count: evicted.count + 1)
    return (session, evicted)
  }

  // MARK: Preparing

  /// Promises a session to come for an account, if it has too few still.
  mutating func beginPreparing(account: AccountPool.AccountIndex) -> Bool {
    guard !isClosing, reserve.wants(account: account) else { return false }
    reserve.began(account: account)
    return true
  }

  /// What `beginPreparing` or a `takeStale` promised is there, or, with nil, will not come. Returns it if it has to be deleted.
  mutating func endPreparing(account: AccountPool.AccountIndex, _ session: LiveSession?, now: UInt64) -> LiveSession? {
    reserve.ended(account: account, isClosing ? nil : session, updatedAt: now)
    return isClosing ? session : nil
  }

  /// Removes and returns prepared sessions that the upstream has not heard of for half the idle time-out; those of usable accounts are
  /// promised to come back.
  mutating func takeStale(now: UInt64, canUse: (AccountPool.AccountIndex) -> Bool) -> (fresh: [LiveSession], useless: [LiveSession])
  {
    guard !isClosing, now >= idleMilliseconds / 2 else { return ([], []) }
    return sort(reserve.takeStale(updatedBefore: now - idleMilliseconds / 2)) { _, session in canUse(session.account) }
  }

  // MARK: Ends

  /// Removes and returns conversations that were idle for too long; those whose sessions the reserve has use for are promised to it.
  mutating func expire(now: UInt64, canUse: (AccountPool.AccountIndex) -> Bool) -> (reusable: [LiveSession], useless: [LiveSession])
  {
    guard !isClosing, now >= idleMilliseconds else { return ([], []) }
    let expired = table.expire(filedBefore: now - idleMilliseconds)
    statistics.expired += expired.count
    noteEnd(.expired, count: expired.count)
    return sort(expired) { reserve, session in reserve.wants(account: session.account) && canUse(session.account) }
  }

  private mutating func sort(_ sessions: [LiveSession], _ isUseful: (SessionReserve, LiveSession) -> Bool)
    -> ([LiveSession], [LiveSession])
  {
    var (useful, useless): ([LiveSession], [LiveSession]) = ([], [])
    for session in sessions {
      if isUseful(reserve, session) {
        reserve.began(account: session.account)
        useful.append(session)
      } else {
        useless.append(session)
      }
    }
    return (useful, useless)
  }

  /// An account was removed. Returns what it held.
  mutating func leave(_ account: AccountPool.AccountIndex) -> [LiveSession] {
    let conversations = table.remove(account: account)
    noteEnd(.removed, count: conversations.count)
    return conversations + reserve.remove(account: account)
  }

  /// From now on nothing is kept.
  mutating func close() { isClosing = true }

  /// Removes and returns everything.
  mutating func removeAll() -> [LiveSession] {
    noteEnd(.shutdown, count: table.count)
    return table.removeAll() + reserve.removeAll()
  }

  // MARK: The upstream's clock

  /// A session was just made at `seconds`. True: the first of its account.
  mutating func note(_ seconds: Int, account: AccountPool.AccountIndex, now: UInt64) -> Bool {
    upstreamTimes.updateValue(UpstreamTime(seconds: seconds, at: now), forKey: account) == nil
  }

  /// The time by the upstream's clock; nil while no session was made on the account.
  func upstreamNow(account: AccountPool.AccountIndex, now: UInt64) -> Int? {
    upstreamTimes[account].map { $0.seconds + Int(now > $0.at ? now - $0.at : 0) / 1000 }
  }
}

extension Configuration.Sessions {
  var idleMilliseconds: UInt64 { UInt64(idleTimeoutSeconds) * 1000 }
}

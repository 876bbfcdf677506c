/// Live sessions by the digest of the conversation they know, least recently used first to go. A pure state machine: time comes in
/// as a parameter (ms, monotonic).
///
/// A session is either here, and nobody uses it, or taken, and exactly one request does.
public struct ConversationTable: Sendable {
  private struct Slot {
    var key: ConversationKey
    var session: LiveSession?
    var filedAt: UInt64
    /// Neighbours by age; -1: none.
    var older: Int
    var newer: Int
    /// Others that know the same conversation, filed just before and just after; -1: none.
    var olderTwin: Int
    var newerTwin: Int
    /// Neighbours by age among those of the same account; -1: none.
    var olderOfAccount: Int
    var newerOfAccount: Int
  }

  /// An account's own line, by age.
  private struct Line {
    var oldest = -1
    var newest = -1
    var count = 0
  }

  private var slots: [Slot] = []
  private var free: [Int] = []
  private var newestByKey: [ConversationKey: Int] = [:]
  private var oldest = -1
  private var newest = -1
  /// By account: they are few and their indices dense.
  private var lines: [Line] = []
  public var capacity: Int
  private let accountCapacity: Int

  public private(set) var count = 0

  /// - Parameters:
  ///   - capacity: sessions at most.
  ///   - accountCapacity: sessions at most of one account, since the upstream keeps only so many.
  public init(capacity: Int, accountCapacity: Int = .max) {
    (self.capacity, self.accountCapacity) = (capacity, accountCapacity)
  }

  public func count(account: AccountPool.AccountIndex) -> Int { account < lines.count ? lines[account].count : 0 }

  /// Removes and returns every session of an account.
  public mutating func remove(account: AccountPool.AccountIndex) -> [LiveSession] {
    var removed: [LiveSession] = []
    while let session = evictOldest(of: account) { removed.append(session) }
    return removed
  }

  /// Takes a session that knows exactly the conversation `key`; it is the caller's until it is filed again.
  /// - Parameter since: what was filed before then counts as gone already (ms, monotonic).
  public mutating func take(_ key: ConversationKey, since: UInt64 = 0) -> LiveSession? {
    // The newest of those that know the same conversation: if it is too old, so are the others.
    guard let place = newestByKey.index(forKey: key) else { return nil }
    let index = newestByKey.values[place]
    guard slots[index].filedAt >= since, let session = slots[index].session else { return nil }
    // Nobody is newer.
    let older = slots[index].olderTwin
    if older >= 0 {
      slots[older].newerTwin = -1
      newestByKey.values[place] = older
    } else {
      newestByKey.remove(at: place)
    }
    remove(index, session.account)
    return session
  }

  /// Files a session under the conversation it knows now. Returns the one that had to make room for it, if any.
  public mutating func file(_ session: LiveSession, under key: ConversationKey, now: UInt64) -> LiveSession? {
    let evicted =
      count(account: session.account) >= accountCapacity
      ? evictOldest(of: session.account) : count >= capacity ? evict(oldest) : nil
    while lines.count <= session.account { lines.append(Line()) }
    let index = free.popLast() ?? slots.count
    let twin = Self.exchange(&newestByKey[key, default: -1], for: index)
    let slot = Slot(
      key: key, session: session, filedAt: now, older: newest, newer: -1, olderTwin: twin, newerTwin: -1,
      olderOfAccount: lines[session.account].newest, newerOfAccount: -1)
    if index < slots.count { slots[index] = slot } else { slots.append(slot) }
    if newest >= 0 { slots[newest].newer = index } else { oldest = index }
    newest = index
    if twin >= 0 { slots[twin].newerTwin = index }
    queueUp(index, session.account)
    count += 1
    return evicted
  }

  /// Removes and returns every session that was filed at or before `deadline`.
  public mutating func expire(filedBefore deadline: UInt64) -> [LiveSession] {
    var expired: [LiveSession] = []
    while oldest >= 0, slots[oldest].filedAt <= deadline, let session = evict(oldest) { expired.append(session) }
    return expired
  }

  /// Removes and returns everything.
  public mutating func removeAll() -> [LiveSession] { expire(filedBefore: .max) }

  /// Removes and returns the session of `account` that was filed longest ago.
  public mutating func evictOldest(of account: AccountPool.AccountIndex) -> LiveSession? {
    account < lines.count ? evict(lines[account].oldest) : nil
  }

  private mutating func evict(_ index: Int) -> LiveSession? {
    guard index >= 0, let session = slots[index].session else { return nil }
    unlinkTwin(index)
    remove(index, session.account)
    return session
  }

  private static func exchange(_ value: inout Int, for new: Int) -> Int {
    defer { value = new }
    return value
  }

  private mutating func queueUp(_ index: Int, _ account: AccountPool.AccountIndex) {
    let newest = slots[index].olderOfAccount
    if newest >= 0 { slots[newest].newerOfAccount = index } else { lines[account].oldest = index }
    lines[account].newest = index
    lines[account].count += 1
  }

  private mutating func leaveLine(_ index: Int, _ account: AccountPool.AccountIndex) {
    let (older, newer) = (slots[index].olderOfAccount, slots[index].newerOfAccount)
    if older >= 0 { slots[older].newerOfAccount = newer } else { lines[account].oldest = newer }
    if newer >= 0 { slots[newer].olderOfAccount = older } else { lines[account].newest = older }
    lines[account].count -= 1
  }

  /// Takes `index` out of the chain of its key, which may be as long as the table: many clients begin in the same words.
  private mutating func unlinkTwin(_ index: Int) {
    let (older, newer) = (slots[index].olderTwin, slots[index].newerTwin)
    if older >= 0 { slots[older].newerTwin = newer }
    if newer >= 0 { slots[newer].olderTwin = older } else { newestByKey[slots[index].key] = older >= 0 ? older : nil }
  }

  private mutating func remove(_ index: Int, _ account: AccountPool.AccountIndex) {
    let (older, newer) = (slots[index].older, slots[index].newer)
    if older >= 0 { slots[older].newer = newer } else { oldest = newer }
    if newer >= 0 { slots[newer].older = older } else { newest = older }
    leaveLine(index, account)
    slots[index].session = nil
    free.append(index)
    count -= 1
  }
}

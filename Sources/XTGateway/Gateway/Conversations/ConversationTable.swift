/// Live sessions by the digest of the conversation they know, least recently used first to go. A pure state machine: time comes in
/// as a parameter (ms, monotonic).
///
/// A session is either here, and nobody uses it, or taken, and exactly one request does.
package struct ConversationTable {
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
  }

  private var slots: [Slot] = []
  private var free: [Int] = []
  private var newestByKey: [ConversationKey: Int] = [:]
  private var oldest = -1
  private var newest = -1
  package var capacity: Int

  package private(set) var count = 0

  package init(capacity: Int) { self.capacity = capacity }

  /// Takes a session that knows exactly the conversation `key`; it is the caller's until it is filed again.
  package mutating func take(_ key: ConversationKey) -> LiveSession? {
    guard let index = newestByKey[key], let session = slots[index].session else { return nil }
    unlinkTwin(index)
    remove(index)
    return session
  }

  /// Files a session under the conversation it knows now. Returns the one that had to make room for it, if any.
  package mutating func file(_ session: LiveSession, under key: ConversationKey, now: UInt64) -> LiveSession? {
    let evicted = count >= capacity ? evictOldest() : nil
    let twin = newestByKey[key] ?? -1
    let slot = Slot(key: key, session: session, filedAt: now, older: newest, newer: -1, olderTwin: twin, newerTwin: -1)
    let index: Int
    if let reused = free.popLast() {
      index = reused
      slots[index] = slot
    } else {
      index = slots.count
      slots.append(slot)
    }
    if newest >= 0 { slots[newest].newer = index } else { oldest = index }
    newest = index
    if twin >= 0 { slots[twin].newerTwin = index }
    newestByKey[key] = index
    count += 1
    return evicted
  }

  /// Removes and returns every session that was filed at or before `deadline`.
  package mutating func expire(filedBefore deadline: UInt64) -> [LiveSession] {
    var expired: [LiveSession] = []
    while oldest >= 0, slots[oldest].filedAt <= deadline, let session = evictOldest() { expired.append(session) }
    return expired
  }

  /// Removes and returns every session of an account.
  package mutating func remove(account: AccountPool.AccountIndex) -> [LiveSession] {
    var removed: [LiveSession] = []
    for index in slots.indices {
      guard let session = slots[index].session, session.account == account else { continue }
      unlinkTwin(index)
      remove(index)
      removed.append(session)
    }
    return removed
  }

  /// How many sessions each account holds.
  package var countByAccount: [AccountPool.AccountIndex: Int] {
    slots.reduce(into: [:]) { counts, slot in if let session = slot.session { counts[session.account, default: 0] += 1 } }
  }

  /// Removes and returns everything.
  package mutating func removeAll() -> [LiveSession] { expire(filedBefore: .max) }

  private mutating func evictOldest() -> LiveSession? {
    guard oldest >= 0, let session = slots[oldest].session else { return nil }
    unlinkTwin(oldest)
    remove(oldest)
    return session
  }

  /// Takes `index` out of the chain of its key, which may be as long as the table: many clients begin in the same words.
  private mutating func unlinkTwin(_ index: Int) {
    let (older, newer) = (slots[index].olderTwin, slots[index].newerTwin)
    if older >= 0 { slots[older].newerTwin = newer }
    if newer >= 0 { slots[newer].olderTwin = older } else { newestByKey[slots[index].key] = older >= 0 ? older : nil }
  }

  private mutating func remove(_ index: Int) {
    let (older, newer) = (slots[index].older, slots[index].newer)
    if older >= 0 { slots[older].newer = newer } else { oldest = newer }
    if newer >= 0 { slots[newer].older = older } else { newest = older }
    slots[index].session = nil
    free.append(index)
    count -= 1
  }
}

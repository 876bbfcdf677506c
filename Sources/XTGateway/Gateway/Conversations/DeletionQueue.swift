/// Sessions that have to be deleted upstream, and when to try. A pure state machine: time comes in as a parameter (ms, monotonic).
///
/// An account has one call at a time under way, and several accounts theirs. Sessions are gathered for a moment, since a batch is one call;
/// a full batch goes at once, so that the pace grows with the backlog. An account that refuses waits longer and longer, and nobody
/// else waits for it.
public struct DeletionQueue {
  public typealias AccountIndex = AccountPool.AccountIndex

  public enum Next: Equatable {
    case batch(account: AccountIndex, ids: [Int])
    case wait(until: UInt64)
    /// When a call that is under way has ended, ask again.
    case busy
    case nothing
  }

  private struct Backlog {
    var ids: [Int] = []
    var failuresInARow = 0
    var notBefore: UInt64 = 0
    var isUnderWay = false
  }

  private var backlogs: [AccountIndex: Backlog] = [:]
  private var underWay = 0
  /// The process ends: tries soon and not for long.
  public var isHurried = false { didSet { if isHurried { for account in backlogs.keys { backlogs[account]?.notBefore = 0 } } } }

  /// Session numbers in one call; the query stays far below any limit on a URL's length.
  public static let batchSize = 50
  /// How long sessions are gathered.
  public static let gatherMilliseconds: UInt64 = 250
  /// Calls under way at a time, each to another account.
  public static let maxCalls = 8
  /// So many failures in a row are worth a word, and the end where there is a hurry.
  public static let manyFailures = 5
  private static let longestDelay: UInt64 = 300_000

  public init() {}

  /// Sessions that wait for their call.
  public var count: Int { backlogs.values.reduce(0) { $0 + $1.ids.count } }

  /// - Returns: when there may be something to do for the account.
  public mutating func add(id: Int, account: AccountIndex, _ now: UInt64) -> UInt64 {
    var backlog = backlogs.removeValue(forKey: account) ?? Backlog()
    backlog.ids.append(id)
    if backlog.failuresInARow == 0 {
      if backlog.ids.count == 1 { backlog.notBefore = due(1, now) }
      if backlog.ids.count == Self.batchSize { backlog.notBefore = now }
    }
    backlogs[account] = backlog
    return backlog.notBefore
  }

  private func due(_ waiting: Int, _ now: UInt64) -> UInt64 {
    isHurried || waiting >= Self.batchSize ? now : now + Self.gatherMilliseconds
  }

  /// What to do now; a batch that it returns is the caller's until `deleted` or `failed`.
  public mutating func next(_ now: UInt64) -> Next {
    let waiting = backlogs.lazy.filter { !$0.value.ids.isEmpty && !$0.value.isUnderWay }
    guard let (account, backlog) = waiting.min(by: { ($0.value.notBefore, $0.key) < ($1.value.notBefore, $1.key) }) else {
      return underWay > 0 ? .busy : .nothing
    }
    guard backlog.notBefore <= now else { return .wait(until: backlog.notBefore) }
    guard underWay < Self.maxCalls else { return .busy }
    // One number that the upstream does not like must not keep the others.
    let batch = Array(backlog.ids.prefix(max(1, Self.batchSize >> (2 * backlog.failuresInARow))))
    backlogs[account]?.ids.removeFirst(batch.count)
    backlogs[account]?.isUnderWay = true
    underWay += 1
    return .batch(account: account, ids: batch)
  }

  public mutating func deleted(account: AccountIndex, _ now: UInt64) {
    var backlog = end(account)
    backlog.failuresInARow = 0
    backlog.notBefore = due(backlog.ids.count, now)
    backlogs[account] = backlog
  }

  /// - Returns: how many sessions of the account are given up.
  public mutating func failed(_ ids: [Int], account: AccountIndex, _ now: UInt64) -> Int {
    var backlog = end(account)
    backlog.ids.append(contentsOf: ids)
    backlog.failuresInARow += 1
    let base: UInt64 = isHurried ? 100 : 1000
    backlog.notBefore = now + min(Self.longestDelay, base << UInt64(min(backlog.failuresInARow, 16)))
    let givenUp = isHurried && backlog.failuresInARow >= Self.manyFailures ? backlog.ids.count : 0
    if givenUp > 0 { backlog.ids = [] }
    backlogs[account] = backlog
    return givenUp
  }

  private mutating func end(_ account: AccountIndex) -> Backlog {
    var backlog = backlogs[account] ?? Backlog()
    precondition(backlog.isUnderWay, "a call ended twice")
    backlog.isUnderWay = false
    underWay -= 1
    return backlog
  }

  public func failuresInARow(account: AccountIndex) -> Int { backlogs[account]?.failuresInARow ?? 0 }
}

/// Sessions that have to be deleted upstream, and when to try. A pure state machine: time comes in as a parameter (ms, monotonic).
///
/// One call at a time is under way. An account that refuses waits longer and longer, and nobody else waits for it.
package struct DeletionQueue {
  package typealias AccountIndex = AccountPool.AccountIndex

  package enum Next: Equatable {
    case batch(account: AccountIndex, ids: [Int])
    case wait(until: UInt64)
    case nothing
  }

  private struct Backlog {
    var ids: [Int] = []
    var failuresInARow = 0
    var notBefore: UInt64 = 0
  }

  private var backlogs: [AccountIndex: Backlog] = [:]
  /// The process ends: tries soon and not for long.
  package var isHurried = false { didSet { if isHurried { for account in backlogs.keys { backlogs[account]?.notBefore = 0 } } } }

  /// Session numbers in one call; the query stays far below any limit on a URL's length.
  package static let batchSize = 50
  /// So many failures in a row are worth a word, and the end where there is a hurry.
  package static let manyFailures = 5
  private static let longestDelay: UInt64 = 300_000

  package init() {}

  package var count: Int { backlogs.values.reduce(0) { $0 + $1.ids.count } }
  /// Whether an account that does not refuse has enough for a whole call: to gather more would only let the backlog grow.
  package var hasFullBatch: Bool { backlogs.values.contains { $0.failuresInARow == 0 && $0.ids.count >= Self.batchSize } }

  package mutating func add(id: Int, account: AccountIndex) { backlogs[account, default: Backlog()].ids.append(id) }

  /// What to do now; a batch that it returns is the caller's until `deleted` or `failed`.
  package mutating func next(_ now: UInt64) -> Next {
    let waiting = backlogs.filter { !$0.value.ids.isEmpty }
    guard let (account, backlog) = waiting.min(by: { ($0.value.notBefore, $0.key) < ($1.value.notBefore, $1.key) }) else {
      return .nothing
    }
    guard backlog.notBefore <= now else { return .wait(until: backlog.notBefore) }
    // One number that the upstream does not like must not keep the others.
    let batch = Array(backlog.ids.prefix(max(1, Self.batchSize >> (2 * backlog.failuresInARow))))
    backlogs[account]?.ids.removeFirst(batch.count)
    return .batch(account: account, ids: batch)
  }

  package mutating func deleted(account: AccountIndex, _ now: UInt64) {
    backlogs[account]?.failuresInARow = 0
    backlogs[account]?.notBefore = now
  }

  /// - Returns: how many sessions of the account are given up.
  package mutating func failed(_ ids: [Int], account: AccountIndex, _ now: UInt64) -> Int {
    var backlog = backlogs[account] ?? Backlog()
    backlog.ids.append(contentsOf: ids)
    backlog.failuresInARow += 1
    let base: UInt64 = isHurried ? 100 : 1000
    backlog.notBefore = now + min(Self.longestDelay, base << UInt64(min(backlog.failuresInARow, 16)))
    let givenUp = isHurried && backlog.failuresInARow >= Self.manyFailures ? backlog.ids.count : 0
    if givenUp > 0 { backlog.ids = [] }
    backlogs[account] = backlog
    return givenUp
  }

  package func failuresInARow(account: AccountIndex) -> Int { backlogs[account]?.failuresInARow ?? 0 }
}

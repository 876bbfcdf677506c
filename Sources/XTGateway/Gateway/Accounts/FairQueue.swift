/// Waiting requests: first come first served within one API key, the keys in turn.
struct FairQueue: Sendable {
  struct Waiter: Sendable {
    let ticket: AccountPool.Ticket
    let key: Int
    /// Waits for this account alone until `affinityEnds` (ms, monotonic); nil: any will do.
    var onlyAccount: Int?
    var affinityEnds: UInt64
    /// Accounts that have failed this request already.
    let excluded: [Int]
    /// When it will have waited for too long (ms, monotonic).
    let deadline: UInt64
  }

  /// By key, in order of arrival.
  private var lines: [Int: [Waiter]] = [:]
  /// Keys that have waiters; the first is next.
  private var turns: [Int] = []
  private(set) var count = 0
  /// Of them, those with an `onlyAccount`.
  private var affine = 0

  /// - Parameter first: in front of its own key's others: it has waited before.
  mutating func append(_ waiter: Waiter, first: Bool) {
    if lines[waiter.key] == nil { turns.append(waiter.key) }
    if first { lines[waiter.key, default: []].insert(waiter, at: 0) } else { lines[waiter.key, default: []].append(waiter) }
    count += 1
    if waiter.onlyAccount != nil { affine += 1 }
  }

  /// Takes the first waiter for whom `choose` has an account; its key goes to the end of the turns.
  mutating func next(_ choose: (Waiter) -> Int?) -> (waiter: Waiter, account: Int)? {
    for (turn, key) in turns.enumerated() {
      for (index, waiter) in (lines[key] ?? []).enumerated() {
        guard let account = choose(waiter) else { continue }
        turns.remove(at: turn)
        return (remove(at: index, key: key, keepsTurn: true), account)
      }
    }
    return nil
  }

  /// In no order that means anything.
  var all: [Waiter] { turns.flatMap { lines[$0] ?? [] } }

  mutating func remove(_ ticket: AccountPool.Ticket, key: Int) {
    guard let index = lines[key]?.firstIndex(where: { $0.ticket == ticket }) else { return }
    _ = remove(at: index, key: key, keepsTurn: false)
  }

  mutating func removeAll() -> [Waiter] {
    defer { self = FairQueue() }
    return all
  }

  /// When the first of those that wait for one account alone will take any; nil: nobody does.
  func nextAffinityEnd(after now: UInt64) -> UInt64? {
    guard affine > 0 else { return nil }
    return lines.values.joined().lazy.filter { $0.onlyAccount != nil && $0.affinityEnds > now }.map(\.affinityEnds).min()
  }

  private mutating func remove(at index: Int, key: Int, keepsTurn: Bool) -> Waiter {
    let waiter = lines[key]!.remove(at: index)
    count -= 1
    if waiter.onlyAccount != nil { affine -= 1 }
    if lines[key]!.isEmpty {
      lines[key] = nil
      if !keepsTurn { turns.removeAll { $0 == key } }
    } else if keepsTurn {
      turns.append(key)
    }
    return waiter
  }
}

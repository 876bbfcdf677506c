@testable import Gateway

/// What the pool has to do, written as plainly as possible: lists, looked through anew each time. Where the pool may choose freely (among
/// accounts never used), it says which choices are right and follows the pool's.
struct PoolReference {
  enum State: Equatable { case ready, resting(until: UInt64, rate: Bool), broke(until: UInt64), expired }

  struct Member {
    var capacity: Int
    var weight: Int
    var isEnabled = true
    var isDraining = false
    var state = State.ready
    var inFlight = 0
    var tokenEnd: UInt64?
    var isRenewed = false
    var lastLeased = 0
    var strikes = 0
  }

  struct Waiter {
    let ticket: Int
    let key: Int
    let own: Int?
    let ownUntil: UInt64
    let excluded: [Int]
    let deadline: UInt64
  }

  enum Gate: Equatable { case closed, open(until: UInt64), probing }
  enum Answer { case lease(among: Set<Int>), wait, refuse(String) }

  var limits: AccountPool.Limits
  var breaker: Breaker.Limits
  var members: [Member]
  /// In order of arrival, those that have failed before in front of their key's.
  var waiters: [Waiter] = []
  /// Keys with waiters, the next one first.
  var turns: [Int] = []
  var gate = Gate.closed
  var faults: [Int: UInt64] = [:]
  var probe: Int?
  var leases = 0

  // MARK: The rules

  mutating func pass(to now: UInt64) {
    for index in members.indices {
      switch members[index].state {
      case .resting(let until, _) where until <= now: members[index].state = .ready
      case .broke(let until) where until <= now: members[index].state = .ready
      default: break
      }
      if members[index].state == .ready, let end = members[index].tokenEnd, end <= now + 60_000 { members[index].state = .expired }
    }
  }

  func serves(_ index: Int) -> Bool { members[index].isEnabled && !members[index].isDraining && members[index].state == .ready }
  func hasRoom(_ index: Int) -> Bool { serves(index) && members[index].inFlight < members[index].capacity }

  /// The least loaded, of those the longest idle.
  func best(without excluded: [Int]) -> Set<Int> {
    let free = members.indices.filter { hasRoom($0) && !excluded.contains($0) }
    func rank(_ index: Int) -> (Double, Int) {
      let member = members[index]
      return (Double(member.inFlight) / Double(member.capacity * member.weight), member.lastLeased)
    }
    guard let least = free.map(rank).min(by: <) else { return [] }
    return Set(free.filter { rank($0) == least })
  }

  func choices(own: Int?, isWorthWaiting: Bool, excluded: [Int]) -> Set<Int> {
    if let own, serves(own) {
      if hasRoom(own) { return [own] }
      if isWorthWaiting { return [] }
    }
    return best(without: excluded)
  }

  /// Why, and until when nobody can serve it.
  func outlook(without excluded: [Int]) -> (until: UInt64, code: String)? {
    guard members.contains(where: { !$0.isDraining }) else { return (.max, "no_cookies") }
    let usable = members.indices.filter { members[$0].isEnabled && !members[$0].isDraining && !excluded.contains($0) }
    if usable.contains(where: { serves($0) || members[$0].isRenewed }) { return nil }
    if usable.isEmpty { return (.max, "pool_unavailable") }
    let rests = usable.compactMap { index -> (until: UInt64, rate: Bool)? in
      if case .resting(let until, let rate) = members[index].state { (until, rate) } else { nil }
    }
    guard let first = rests.map(\.until).min() else { return (.max, "upstream_credentials_exhausted") }
    return (first, rests.allSatisfy(\.rate) ? "upstream_rate_limited" : "pool_unavailable")
  }

  // MARK: Asking

  mutating func ask(_ request: AccountPool.Request, now: UInt64) -> Answer {
    pass(to: now)
    if let outlook = outlook(without: request.excluded), outlook.until > now + limits.queueTimeout { return .refuse(outlook.code) }
    var isProbe = false
    switch gate {
    case .closed: break
    case .probing: return .refuse("upstream_unavailable")
    case .open(let until):
      guard until <= now else { return .refuse("upstream_unavailable") }
      isProbe = true
    }
    let isWorthWaiting = limits.affinityWait > 0 && members.count > 1
    var right = choices(own: request.preferred, isWorthWaiting: isWorthWaiting, excluded: request.excluded)
    if right.isEmpty, isProbe { right = best(without: request.excluded) }
    if isProbe {
      gate = right.isEmpty ? .open(until: now) : .probing
      return right.isEmpty ? .refuse("upstream_unavailable") : .lease(among: right)
    }
    if !right.isEmpty { return .lease(among: right) }
    if waiters.count >= limits.queue {
      let other = best(without: request.excluded)
      return other.isEmpty ? .refuse("pool_busy") : .lease(among: other)
    }
    let own = request.preferred.flatMap { serves($0) && members.count > 1 ? $0 : nil }
    let waiter = Waiter(
      ticket: request.ticket, key: request.key, own: own, ownUntil: now + limits.affinityWait, excluded: request.excluded,
      deadline: now + limits.queueTimeout)
    if !turns.contains(request.key) { turns.append(request.key) }
    let place = request.excluded.isEmpty ? nil : waiters.firstIndex { $0.key == request.key }
    waiters.insert(waiter, at: place ?? waiters.count)
    return .wait
  }

  mutating func took(_ index: Int) {
    leases += 1
    members[index].inFlight += 1
    members[index].lastLeased = leases
    // Nobody else is served meanwhile; a probe from before, whose gate was opened by others, is none any more.
    if gate == .probing { probe = index }
  }

  mutating func leave(_ ticket: Int, keepsTurn: Bool = false) {
    guard let index = waiters.firstIndex(where: { $0.ticket == ticket }) else { return }
    let key = waiters.remove(at: index).key
    let isLast = !waiters.contains { $0.key == key }
    if isLast || keepsTurn { turns.removeAll { $0 == key } }
    if !isLast, keepsTurn { turns.append(key) }
  }

  /// Who is next, and what he may get; nil: nobody.
  func next(_ now: UInt64) -> (ticket: Int, among: Set<Int>)? {
    guard gate == .closed else { return nil }
    for key in turns {
      for waiter in waiters where waiter.key == key {
        // When the time is over, its own account is like any other.
        let own = now < waiter.ownUntil ? waiter.own : nil
        let right = choices(own: own, isWorthWaiting: true, excluded: waiter.excluded)
        if !right.isEmpty { return (waiter.ticket, right) }
      }
    }
    return nil
  }

  /// Who waits for nothing.
  func hopeless() -> [Int: String] {
    guard gate == .closed else { return [:] }
    var result: [Int: String] = [:]
    for waiter in waiters {
      if let outlook = outlook(without: waiter.excluded), outlook.until > waiter.deadline { result[waiter.ticket] = outlook.code }
    }
    return result
  }

  // MARK: Giving back

  /// - Returns: whether the breaker opened, which everybody who waits is told.
  mutating func gaveBack(_ index: Int, _ outcome: LeaseOutcome, now: UInt64) -> Bool {
    members[index].inFlight -= 1
    let wasProbe = probe == index
    if wasProbe { probe = nil }
    switch outcome {
    case .success:
      members[index].strikes = 0
      works()
    case .answered: works()
    case .neutral: if wasProbe, gate == .probing { gate = .open(until: now) }
    case .rateLimited: if wasProbe { works() }
    case .outOfCredits(let time, _):
      if members[index].state != .expired { members[index].state = .broke(until: now + time) }
      if wasProbe { works() }
    case .tokenInvalid:
      members[index].state = .expired
      if wasProbe { works() }
    case .upstreamFault: return fault(index, now)
    }
    return false
  }

  private mutating func works() {
    faults = [:]
    gate = .closed
  }

  private mutating func fault(_ index: Int, _ now: UInt64) -> Bool {
    let usable = members.count { member in
      guard member.isEnabled, !member.isDraining, member.state != .expired else { return false }
      if case .broke = member.state { return false }
      return true
    }
    if usable > 1, members[index].state == .ready { members[index].state = .resting(until: now + limits.pause, rate: false) }
    faults[index] = now
    faults = faults.filter { $0.value + breaker.window > now }
    switch gate {
    case .open: return false
    case .closed where faults.count < max(2, min(breaker.accounts, usable)): return false
    case .closed, .probing:
      gate = .open(until: now + breaker.probe)
      return true
    }
  }
}

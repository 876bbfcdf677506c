/// Hands out accounts: a conversation's own first, else the least loaded, at most `capacity` requests at a time on each; beyond that
/// requests wait, fairly. Takes accounts out of service as their failures deserve. A pure state machine: time comes in as a
/// parameter (ms, monotonic).
public struct AccountPool: Sendable {
  public typealias AccountIndex = Int
  /// Names a request that asks for an account.
  public typealias Ticket = Int

  public struct Limits: Sendable {
    public var queue = 1024
    public var queueTimeout: UInt64 = 30_000
    public var affinityWait: UInt64 = 1000
    public var cooldownMin: UInt64 = 5_000
    public var cooldownMax: UInt64 = 600_000
    /// After a fault of the upstream's, if others can serve meanwhile.
    public var pause: UInt64 = 1000
    public init() {}
  }

  public struct Request {
    public var ticket: Ticket
    /// Whose request it is: API keys take turns.
    public var key: Int
    /// The account that holds the conversation.
    public var preferred: AccountIndex?
    /// Accounts that failed it before.
    public var excluded: [AccountIndex] = []

    public init(ticket: Ticket, key: Int, preferred: AccountIndex? = nil, excluded: [AccountIndex] = []) {
      (self.ticket, self.key, self.preferred, self.excluded) = (ticket, key, preferred, excluded)
    }
  }

  public enum Admission: Equatable, Sendable {
    case leased(AccountIndex)
    /// In the queue: a later call names the ticket among its grants, unless it is withdrawn.
    case waiting
    case refused(GatewayError)
  }

  /// What a waiter gets.
  public struct Grant: Equatable, Sendable {
    public let ticket: Ticket
    public let admission: Admission
  }

  public private(set) var accounts: [Account]
  public var limits: Limits
  public private(set) var breaker: Breaker
  private var ready = LoadHeap()
  private var queue = FairQueue()
  private var keyOfTicket: [Ticket: Int] = [:]
  private var lastTicket = 0
  private var leases = 0
  private var randomState: UInt64
  /// When an account comes back or goes by itself next.
  private var nextChange: UInt64 = 0
  /// When the queue was last looked through.
  private var servedAt: UInt64 = 0
  /// Whether an account went out of service since then: some may wait for nothing.
  private var hasLost = false
  /// The lease that decides whether the breaker closes.
  private var probe: AccountIndex?

  /// - Parameter seed: for the jitter of cool-downs.
  public init(accounts: [Account], limits: Limits, breaker: Breaker.Limits, seed: UInt64) {
    (self.accounts, self.limits, randomState) = (accounts, limits, seed)
    self.breaker = Breaker(limits: breaker)
    for index in accounts.indices { place(index, 0) }
  }

  public mutating func newTicket() -> Ticket {
    lastTicket += 1
    return lastTicket
  }

  /// The first of `candidates` that can serve now. Some may not be here yet: others hear of an account before the pool does.
  public func firstServing(among candidates: [AccountIndex], now: UInt64) -> AccountIndex? {
    candidates.first { $0 < accounts.count && accounts[$0].canServe(now) }
  }

  public var waiting: Int { queue.count }
  public var inFlight: Int { accounts.reduce(0) { $0 + $1.inFlight } }

  // MARK: Asking

  /// Who waits goes first: `tick` has to be called before, at the same time.
  public mutating func lease(_ request: Request, now: UInt64) -> Admission {
    refresh(now)
    if let refusal = refusal(excluded: request.excluded, deadline: now + limits.queueTimeout, now) { return .refused(refusal) }
    let verdict = breaker.ask(now)
    if case .refuse(let until) = verdict { return .refused(.upstreamUnavailable(retryAfterSeconds: seconds(until, now))) }
    if verdict == .probe { return takeProbe(request, now) }
    if let account = choose(request, now) {
      take(account, now)
      return .leased(account)
    }
    guard queue.count < limits.queue else {
      // Nowhere to wait for its own account, but another may be free.
      guard let account = ready.first(excluding: request.excluded) else { return .refused(.poolBusy(description(now))) }
      take(account, now)
      return .leased(account)
    }
    let affine = request.preferred.flatMap { accounts[$0].canServe(now) && accounts.count > 1 ? $0 : nil }
    queue.append(
      .init(
        ticket: request.ticket, key: request.key, onlyAccount: affine, affinityEnds: now + limits.affinityWait,
        excluded: request.excluded, deadline: now + limits.queueTimeout),
      first: !request.excluded.isEmpty)
    keyOfTicket[request.ticket] = request.key
    return .waiting
  }

  private mutating func takeProbe(_ request: Request, _ now: UInt64) -> Admission {
    guard let account = choose(request, now) ?? ready.first(excluding: request.excluded) else {
      breaker.probeEndedSilently(now)
      return .refused(.upstreamUnavailable(retryAfterSeconds: 1))
    }
    take(account, now)
    probe = account
    return .leased(account)
  }

  /// Why nothing can come of a request, even if it waits until `deadline`; nil if something can.
  private func refusal(excluded: [AccountIndex], deadline: UInt64, _ now: UInt64) -> GatewayError? {
    if excluded.isEmpty && !ready.isEmpty { return nil }
    return outlook(excluded: excluded, now).flatMap { $0.until > deadline ? $0.error : nil }
  }

  /// When none of the accounts can serve: until when (`.max`: until somebody does something about it), and what that means.
  private func outlook(excluded: [AccountIndex], _ now: UInt64) -> (until: UInt64, error: GatewayError)? {
    guard accounts.contains(where: { !$0.isDraining }) else { return (.max, .noCookies) }
    let usable = accounts.indices.lazy.filter { [accounts] in
      accounts[$0].isEnabled && !accounts[$0].isDraining && !excluded.contains($0)
    }
    if usable.contains(where: { accounts[$0].canServe(now) || accounts[$0].isRenewed }) { return nil }
    guard usable.contains(where: { _ in true }) else { return (.max, .poolUnavailable(description(now), retryAfterSeconds: nil)) }
    var firstBack = UInt64.max
    var areAllRateLimited = true
    for index in usable {
      guard case .cooling(let until, let reason) = accounts[index].condition else { continue }
      firstBack = min(firstBack, until)
      if reason != .rateLimited { areAllRateLimited = false }
    }
    guard firstBack < .max else { return (.max, .credentialsExhausted(description(now))) }
    let wait = seconds(firstBack, now)
    if areAllRateLimited { return (firstBack, .rateLimited(retryAfterSeconds: wait, description(now))) }
    return (firstBack, .poolUnavailable(description(now), retryAfterSeconds: wait))
  }

  private func choose(_ request: Request, _ now: UInt64) -> AccountIndex? {
    if let preferred = request.preferred, accounts[preferred].canServe(now) {
      if accounts[preferred].inFlight < accounts[preferred].capacity { return preferred }
      // Its own account is busy: worth a short wait.
      if limits.affinityWait > 0, accounts.count > 1 { return nil }
    }
    return ready.first(excluding: request.excluded)
  }

  /// A waiter gave up.
  public mutating func withdraw(_ ticket: Ticket) {
    guard let key = keyOfTicket.removeValue(forKey: ticket) else { return }
    queue.remove(ticket, key: key)
  }

  // MARK: Giving back

  /// Gives one lease of `index` back. Returns who gets something through it.
  public mutating func release(_ index: AccountIndex, _ outcome: LeaseOutcome, now: UInt64) -> [Grant] {
    precondition(accounts[index].inFlight > 0, "a lease was given back twice")
    accounts[index].inFlight -= 1
    let wasProbe = probe == index
    if wasProbe { probe = nil }
    var grants = judge(index, outcome, wasProbe: wasProbe, now)
    place(index, now)
    grants += serve(now)
    return grants
  }

  private mutating func judge(_ index: AccountIndex, _ outcome: LeaseOutcome, wasProbe: Bool, _ now: UInt64) -> [Grant] {
    accounts[index].requests += 1
    switch outcome {
    case .success:
      accounts[index].strikes = 0
      breaker.succeeded()
      return []
    case .answered:
      breaker.succeeded()
      return []
    case .neutral:
      if wasProbe { breaker.probeEndedSilently(now) }
      return []
    case .rateLimited(let retryAfter, let words):
      note(index, words)
      rateLimited(index, retryAfter, now)
      if wasProbe { breaker.succeeded() }
      return []
    case .outOfCredits(let milliseconds, let words):
      note(index, words)
      if wasProbe { breaker.succeeded() }
      // A token that is not accepted any more is worse.
      guard accounts[index].condition != .expired else { return [] }
      accounts[index].condition = .outOfCredits(until: now + milliseconds)
      hasLost = true
      nextChange = min(nextChange, now + milliseconds)
      return []
    case .tokenInvalid(let words):
      note(index, words)
      accounts[index].condition = .expired
      hasLost = true
      if wasProbe { breaker.succeeded() }
      return []
    case .upstreamFault(let words):
      note(index, words)
      let usable = accounts.count { $0.isEnabled && !$0.isDraining && !$0.isDead }
      let opened = breaker.failed(account: index, usable: usable, now)
      if usable > 1, accounts[index].condition == .ready { cool(index, limits.pause, .upstream, now) }
      return opened ? refuseAll(now) : []
    }
  }

  private mutating func note(_ index: AccountIndex, _ words: String) {
    accounts[index].failures += 1
    accounts[index].lastError = words
  }

  /// Of requests that were limited at the same time the first counts, and the longest rest; a dead account stays dead.
  private mutating func rateLimited(_ index: AccountIndex, _ retryAfter: UInt64?, _ now: UInt64) {
    switch accounts[index].condition {
    case .expired, .outOfCredits: break
    case .cooling(let until, .rateLimited) where until > now:
      if let retryAfter, now + retryAfter > until { cool(index, retryAfter, .rateLimited, now) }
    case .ready, .cooling: cool(index, retryAfter ?? nextCooldown(index), .rateLimited, now)
    }
  }

  private mutating func cool(_ index: AccountIndex, _ milliseconds: UInt64, _ reason: Account.Reason, _ now: UInt64) {
    accounts[index].condition = .cooling(until: now + milliseconds, reason)
    hasLost = true
    nextChange = min(nextChange, now + milliseconds)
  }

  /// Doubles with every rate limit in a row; up to a fifth more or less, so that accounts do not come back all at once.
  private mutating func nextCooldown(_ index: AccountIndex) -> UInt64 {
    let strikes = min(accounts[index].strikes, 20)
    accounts[index].strikes += 1
    let base = min(limits.cooldownMax, limits.cooldownMin << UInt64(strikes))
    return min(limits.cooldownMax, base - base / 5 + random() % max(1, base / 5 * 2))
  }

  /// SplitMix64.
  private mutating func random() -> UInt64 {
    randomState &+= 0x9E37_79B9_7F4A_7C15
    var z = randomState
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  // MARK: Time

  /// Brings back who has cooled down, lets affinity end, and serves who waits.
  public mutating func tick(_ now: UInt64) -> [Grant] {
    serve(now)
  }

  /// When `tick` has something to do, at the earliest; nil: only after another call.
  public var nextTick: UInt64? {
    let next = min(nextChange, queue.nextAffinityEnd(after: servedAt) ?? .max)
    return next < .max ? next : nil
  }

  private mutating func refresh(_ now: UInt64) {
    guard now >= nextChange else { return }
    nextChange = .max
    for index in accounts.indices {
      switch accounts[index].condition {
      case .cooling(let until, _) where until <= now, .outOfCredits(let until) where until <= now:
        accounts[index].condition = .ready
        place(index, now)
      case .cooling(let until, _), .outOfCredits(let until): nextChange = min(nextChange, until)
      case .ready, .expired: break
      }
      checkToken(index, now)
    }
  }

  private mutating func checkToken(_ index: AccountIndex, _ now: UInt64) {
    guard accounts[index].condition == .ready, let end = accounts[index].tokenEndsAt else { return }
    if end > now + Account.tokenMargin {
      nextChange = min(nextChange, end - Account.tokenMargin)
    } else {
      accounts[index].condition = .expired
      accounts[index].lastError = "its token has reached its end"
      hasLost = true
      place(index, now)
    }
  }

  private mutating func serve(_ now: UInt64) -> [Grant] {
    refresh(now)
    servedAt = now
    guard queue.count > 0, breaker.state == .closed else { return [] }
    var grants: [Grant] = []
    while !ready.isEmpty {
      // The queue has waiters of one account in it, but it is short beside the number of accounts.
      guard let (waiter, account) = queue.next({ [self] in choose($0, now) }) else { break }
      keyOfTicket[waiter.ticket] = nil
      take(account, now)
      grants.append(Grant(ticket: waiter.ticket, admission: .leased(account)))
    }
    if hasLost { grants += refuseHopeless(now) }
    return grants
  }

  /// Its own account while that is worth the wait, else the least loaded one.
  private func choose(_ waiter: FairQueue.Waiter, _ now: UInt64) -> AccountIndex? {
    if let own = waiter.onlyAccount, now < waiter.affinityEnds, accounts[own].canServe(now) {
      return accounts[own].inFlight < accounts[own].capacity ? own : nil
    }
    return ready.first(excluding: waiter.excluded)
  }

  /// Who waits for accounts that will not come back in time need not wait.
  private mutating func refuseHopeless(_ now: UInt64) -> [Grant] {
    hasLost = false
    let common = outlook(excluded: [], now)
    var grants: [Grant] = []
    for waiter in queue.all {
      guard let outlook = waiter.excluded.isEmpty ? common : outlook(excluded: waiter.excluded, now),
        outlook.until > waiter.deadline
      else { continue }
      withdraw(waiter.ticket)
      grants.append(Grant(ticket: waiter.ticket, admission: .refused(outlook.error)))
    }
    return grants
  }

  private mutating func refuseAll(_ now: UInt64) -> [Grant] {
    guard case .open(let until) = breaker.state else { return [] }
    keyOfTicket.removeAll()
    return queue.removeAll().map {
      Grant(ticket: $0.ticket, admission: .refused(.upstreamUnavailable(retryAfterSeconds: seconds(until, now))))
    }
  }

  private mutating func take(_ index: AccountIndex, _ now: UInt64) {
    leases += 1
    accounts[index].inFlight += 1
    accounts[index].lastLeased = leases
    place(index, now)
  }

  /// Puts an account in its place among the ready ones, or takes it out.
  private mutating func place(_ index: AccountIndex, _ now: UInt64) {
    let account = accounts[index]
    guard account.canServe(now), account.inFlight < account.capacity else { return ready.remove(index) }
    ready.update(
      index, .init(inFlight: account.inFlight, strength: account.capacity * account.weight, lastLeased: account.lastLeased))
  }

  // MARK: The operator

  public mutating func setEnabled(_ index: AccountIndex, _ isEnabled: Bool, now: UInt64) -> [Grant] {
    accounts[index].isEnabled = isEnabled
    hasLost = true
    place(index, now)
    return serve(now)
  }

  /// Forgets what speaks against an account.
  public mutating func reset(_ index: AccountIndex, now: UInt64) -> [Grant] {
    accounts[index].condition = .ready
    accounts[index].strikes = 0
    accounts[index].lastError = nil
    // Its token's end counts again.
    checkToken(index, now)
    place(index, now)
    return serve(now)
  }

  /// There is another token.
  public mutating func setToken(_ index: AccountIndex, endsAt: UInt64?, now: UInt64) -> [Grant] {
    accounts[index].tokenEndsAt = endsAt
    accounts[index].tokenGeneration += 1
    if accounts[index].condition == .expired { return reset(index, now: now) }
    checkToken(index, now)
    return serve(now)
  }

  /// Takes an account out of service for want of a token.
  public mutating func expire(_ index: AccountIndex, _ words: String, now: UInt64) -> [Grant] {
    accounts[index].condition = .expired
    accounts[index].lastError = words
    hasLost = true
    place(index, now)
    return serve(now)
  }

  /// Whether an account's token is renewed without anybody's doing: then requests may wait for the next one.
  public mutating func setRenewed(_ index: AccountIndex, _ isRenewed: Bool, now: UInt64) -> [Grant] {
    guard accounts[index].isRenewed != isRenewed else { return [] }
    accounts[index].isRenewed = isRenewed
    hasLost = true
    return serve(now)
  }

  /// Takes no new requests; running ones finish.
  public mutating func drain(_ index: AccountIndex, now: UInt64) -> [Grant] {
    accounts[index].isDraining = true
    hasLost = true
    place(index, now)
    return serve(now)
  }

  public mutating func configureBreaker(_ limits: Breaker.Limits) { breaker.limits = limits }

  /// When its token ends by the time of day (Unix seconds), for the operator to see.
  public mutating func note(_ index: AccountIndex, tokenExpiresAt: Int?) { accounts[index].tokenExpiresAt = tokenExpiresAt }
  /// Credits that are left, for the operator to see.
  public mutating func note(_ index: AccountIndex, credits: Int) { accounts[index].credits = credits }

  /// The configuration changed: what is new (nil) joins, the rest keeps its counters.
  public mutating func configure(_ index: AccountIndex?, as account: Account, now: UInt64) -> [Grant] {
    guard let index else {
      accounts.append(account)
      checkToken(accounts.count - 1, now)
      place(accounts.count - 1, now)
      return serve(now)
    }
    accounts[index].capacity = account.capacity
    accounts[index].weight = account.weight
    accounts[index].isEnabled = account.isEnabled
    hasLost = true
    place(index, now)
    return serve(now)
  }

  // MARK: Words

  /// What an operator sees: "2 busy, 1 cooling down, 1 expired".
  public func description(_ now: UInt64) -> String {
    let present = accounts.filter { !$0.isDraining }
    let counts: [(Int, String)] = [
      (present.count { $0.canServe(now) && $0.inFlight < $0.capacity }, "ready"),
      (present.count { $0.canServe(now) && $0.inFlight >= $0.capacity }, "busy"),
      (present.count { $0.stateName == "cooling" }, "cooling down"), (present.count { $0.stateName == "expired" }, "expired"),
      (present.count { $0.stateName == "out_of_credits" }, "out of credits"), (present.count { !$0.isEnabled }, "disabled"),
      (queue.count, "requests waiting"),
    ]
    return counts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
  }

  private func seconds(_ until: UInt64, _ now: UInt64) -> Int { max(1, until > now ? Int((until - now + 999) / 1000) : 1) }
}

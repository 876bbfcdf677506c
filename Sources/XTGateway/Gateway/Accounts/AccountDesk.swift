import EventLoop
import Logging

/// A leased account. It has to be given back exactly once; debug builds trap on a leak.
final class Lease {
  let account: AccountPool.AccountIndex
  let accountName: String
  /// Which of the account's tokens it uses.
  fileprivate let tokenGeneration: Int
  fileprivate var isOpen = true

  fileprivate init(_ account: AccountPool.AccountIndex, _ pool: AccountPool) {
    self.account = account
    (accountName, tokenGeneration) = (pool.accounts[account].name, pool.accounts[account].tokenGeneration)
  }

  deinit { assert(!isOpen, "a lease was never given back") }
}

/// Who waits for an account.
protocol LeaseReceiver: AnyObject {
  func leaseGranted(_ lease: Lease)
  func leaseRefused(_ error: GatewayError)
}

/// One loop's way to the account pool: leases as objects, this loop's waiters, and the time when accounts come back.
///
/// Every loop's timer follows the pool's next tick as of its own last call, so that whichever call brings the tick forward also
/// looks after it; a tick too many does nothing.
public final class AccountDesk {
  enum Answer {
    case granted(Lease)
    /// The receiver hears of it.
    case waiting(AccountPool.Ticket)
    case refused(GatewayError)
  }

  private let loop: EventLoop
  private let log: Logger
  private let shared: SharedPool
  private let worker: Int
  private var waiters: [AccountPool.Ticket: any LeaseReceiver] = [:]
  private lazy var timer = makeTimer()
  /// The upstream does not accept the account's token of that generation, which was its present one when this was noted.
  var onTokenRefused: ((AccountPool.AccountIndex, _ generation: Int) -> Void)?
  /// Takes what another loop's waiters got to that loop; false: it is closed.
  var send: ([AccountPool.Grant], _ worker: Int) -> Bool = { _, _ in false }

  public init(loop: EventLoop, shared: SharedPool, worker: Int = 0, log: Logger) {
    (self.loop, self.shared, self.worker, self.log) = (loop, shared, worker, log)
  }

  /// Looks after the time from now on.
  func start() { change { pool, now in pool.tick(now) } }

  public func close() { timer.close() }

  func ask(_ receiver: any LeaseReceiver, key: Int, preferred: AccountPool.AccountIndex?, excluded: [AccountPool.AccountIndex])
    -> Answer
  {
    let (answer, grants) = transact { [worker] pool, now in
      // The time may have come for others, though no timer has fired yet.
      let grants = pool.tick(now)
      let ticket = SharedPool.ticket(pool.newTicket(), of: worker)
      let request = AccountPool.Request(ticket: ticket, key: key, preferred: preferred, excluded: excluded)
      let answer: Answer =
        switch pool.lease(request, now: now) {
        case .leased(let account): .granted(Lease(account, pool))
        case .refused(let error): .refused(error)
        case .waiting: .waiting(ticket)
        }
      return (answer, grants)
    }
    if case .waiting(let ticket) = answer { waiters[ticket] = receiver }
    carryOut(grants)
    return answer
  }

  /// A waiter gives up. What was granted to it on another loop meanwhile goes back when it arrives.
  func withdraw(_ ticket: AccountPool.Ticket) {
    guard waiters.removeValue(forKey: ticket) != nil else { return }
    change { pool, _ in
      pool.withdraw(ticket)
      return []
    }
  }

  func giveBack(_ lease: Lease, _ outcome: LeaseOutcome) {
    precondition(lease.isOpen, "a lease was given back twice")
    lease.isOpen = false
    release(lease.account, outcome, tokenGeneration: lease.tokenGeneration)
  }

  /// Changes the pool otherwise: enabling, tokens, configuration.
  public func change(_ body: (inout AccountPool, UInt64) -> [AccountPool.Grant]) {
    carryOut(transact { pool, now in ((), body(&pool, now)) }.grants)
  }

  /// Looks at the pool without changing it. `body` must not wait, nor call the desk.
  public func read<R>(_ body: (borrowing AccountPool) -> R) -> R { shared.read(body) }

  /// All accounts as they are now. Copied one by one: an array that shared its memory with the pool's would be copied by the next
  /// request.
  public var accounts: [Account] { read { pool in pool.accounts.map { $0 } } }

  func description() -> String {
    let now = loop.now
    return read { $0.description(now) }
  }

  /// Whether an account may serve at all now, room or not.
  public func canServe(_ account: AccountPool.AccountIndex) -> Bool {
    let now = loop.now
    return read { $0.accounts[account].canServe(now) }
  }

  /// What a waiter hears whose time in the queue is over.
  func queueTimeout() -> GatewayError {
    let now = loop.now
    return read { pool in
      let words = pool.description(now)
      return pool.accounts.contains { $0.canServe(now) } ? .poolBusy(words) : .poolUnavailable(words, retryAfterSeconds: nil)
    }
  }

  /// What this loop's waiters got through another's doing.
  public func receive(_ grants: [AccountPool.Grant]) {
    for grant in grants { deliver(grant) }
  }

  // MARK: The pool's answers

  private func transact<R>(_ body: (inout AccountPool, UInt64) -> (R, [AccountPool.Grant]))
    -> (result: R, grants: [AccountPool.Grant])
  {
    let (result, grants, next) = shared.transact(loop.now) { pool, now in
      let (result, grants) = body(&pool, now)
      return (result, grants, pool.nextTick)
    }
    rearm(next)
    return (result, grants)
  }

  private func carryOut(_ grants: [AccountPool.Grant]) {
    for grant in grants {
      let owner = SharedPool.worker(of: grant.ticket)
      if owner == worker { deliver(grant) } else if !send([grant], owner) { giveUp(grant) }
    }
  }

  private func deliver(_ grant: AccountPool.Grant) {
    guard let waiter = waiters.removeValue(forKey: grant.ticket) else { return giveUp(grant) }
    switch grant.admission {
    case .leased(let account): waiter.leaseGranted(read { Lease(account, $0) })
    case .refused(let error): waiter.leaseRefused(error)
    case .waiting: break
    }
  }

  /// Nobody waits for it any more.
  private func giveUp(_ grant: AccountPool.Grant) {
    if case .leased(let account) = grant.admission { release(account, .neutral, tokenGeneration: nil) }
  }

  private func release(_ account: AccountPool.AccountIndex, _ outcome: LeaseOutcome, tokenGeneration: Int?) {
    let (news, grants): (News?, [AccountPool.Grant]) = transact { pool, now in
      var outcome = outcome
      if case .tokenInvalid = outcome, tokenGeneration != pool.accounts[account].tokenGeneration { outcome = .neutral }
      let (before, breaker) = (pool.accounts[account].condition, pool.breaker.state)
      let grants = pool.release(account, outcome, now: now)
      return (News(account, pool, before: before, breaker: breaker, outcome: outcome), grants)
    }
    if let news {
      report(news)
      if news.isTokenRefused, let tokenGeneration { onTokenRefused?(account, tokenGeneration) }
    }
    carryOut(grants)
  }

  private func makeTimer() -> LoopTimer { LoopTimer(loop: loop) { [unowned self] in start() } }

  private func rearm(_ next: UInt64?) {
    guard let next else { return timer.stop() }
    timer.start(after: next > loop.now ? next - loop.now : 1)
  }
}

// MARK: What the log says
extension AccountDesk {
  /// What a lease's end has changed.
  private struct News {
    /// As it is now, if its condition has changed.
    let account: Account?
    /// As it is now, if it has changed.
    let breaker: Breaker.State?
    let isTokenRefused: Bool

    /// Nil where nothing has.
    init?(
      _ index: AccountPool.AccountIndex, _ pool: AccountPool, before: Account.Condition, breaker: Breaker.State,
      outcome: LeaseOutcome
    ) {
      isTokenRefused = if case .tokenInvalid = outcome { true } else { false }
      guard pool.accounts[index].condition != before || pool.breaker.state != breaker || isTokenRefused else { return nil }
      account = pool.accounts[index].condition == before ? nil : pool.accounts[index]
      self.breaker = pool.breaker.state == breaker ? nil : pool.breaker.state
    }
  }

  private func report(_ news: News) {
    if let account = news.account, let words = account.lastError { report(account, words) }
    switch news.breaker {
    case .closed: log.notice("the upstream works again")
    case .open: log.error("the upstream fails for several accounts: requests are held back, single ones probe it")
    case .probing, nil: break
    }
  }

  private func report(_ account: Account, _ words: String) {
    switch account.condition {
    case .ready: break
    case .cooling(let until, .rateLimited):
      let seconds = until > loop.now ? (until - loop.now) / 1000 : 0
      log.notice("account \(account.name) is rate-limited and rests for \(seconds) s: \(words)")
    case .cooling(_, .upstream): log.debug("account \(account.name) pauses after a fault of the upstream's: \(words)")
    case .outOfCredits: log.warning("account \(account.name) is out of credits and rests until the next day: \(words)")
    case .expired: log.warning("account \(account.name) is out of service until its token is renewed: \(words)")
    }
  }
}

import EventLoop
import Logging

/// A leased account. It has to be given back exactly once; debug builds trap on a leak.
final class Lease {
  let account: AccountPool.AccountIndex
  /// Which of the account's tokens it uses.
  fileprivate let tokenGeneration: Int
  fileprivate var isOpen = true

  fileprivate init(_ account: AccountPool.AccountIndex, tokenGeneration: Int) {
    (self.account, self.tokenGeneration) = (account, tokenGeneration)
  }

  deinit { assert(!isOpen, "a lease was never given back") }
}

/// Who waits for an account.
protocol LeaseReceiver: AnyObject {
  func leaseGranted(_ lease: Lease)
  func leaseRefused(_ error: GatewayError)
}

/// Drives the account pool: leases as objects, waiters, and the time when accounts come back.
package final class AccountDesk {
  enum Answer {
    case granted(Lease)
    /// The receiver hears of it.
    case waiting(AccountPool.Ticket)
    case refused(GatewayError)
  }

  private let loop: EventLoop
  private let log: Logger
  package private(set) var pool: AccountPool
  private var waiters: [AccountPool.Ticket: any LeaseReceiver] = [:]
  private lazy var timer = makeTimer()
  /// Tells what became of an account: for signing in again, for metrics.
  var onOutcome: ((AccountPool.AccountIndex, LeaseOutcome) -> Void)?

  package init(loop: EventLoop, pool: AccountPool, log: Logger) { (self.loop, self.pool, self.log) = (loop, pool, log) }

  /// Looks after the time from now on.
  func start() { carryOut(pool.tick(loop.now)) }

  package func close() { timer.close() }

  func ask(_ receiver: any LeaseReceiver, key: Int, preferred: AccountPool.AccountIndex?, excluded: [AccountPool.AccountIndex])
    -> Answer
  {
    // The time may have come for others, though the timer has not fired yet.
    carryOut(pool.tick(loop.now))
    let ticket = pool.newTicket()
    let request = AccountPool.Request(ticket: ticket, key: key, preferred: preferred, excluded: excluded)
    switch pool.lease(request, now: loop.now) {
    case .leased(let account): return .granted(lease(account))
    case .refused(let error): return .refused(error)
    case .waiting:
      waiters[ticket] = receiver
      rearm()
      return .waiting(ticket)
    }
  }

  /// A waiter gives up.
  func withdraw(_ ticket: AccountPool.Ticket) {
    guard waiters.removeValue(forKey: ticket) != nil else { return }
    pool.withdraw(ticket)
  }

  func giveBack(_ lease: Lease, _ outcome: LeaseOutcome) {
    precondition(lease.isOpen, "a lease was given back twice")
    lease.isOpen = false
    var outcome = outcome
    if case .tokenInvalid = outcome, lease.tokenGeneration != pool.accounts[lease.account].tokenGeneration { outcome = .neutral }
    let (before, breaker) = (pool.accounts[lease.account].condition, pool.breaker.state)
    let grants = pool.release(lease.account, outcome, now: loop.now)
    report(lease.account, from: before)
    if pool.breaker.state != breaker { reportBreaker() }
    onOutcome?(lease.account, outcome)
    carryOut(grants)
  }

  /// Changes the pool otherwise: enabling, tokens, configuration.
  package func change(_ body: (inout AccountPool, UInt64) -> [AccountPool.Grant]) {
    carryOut(body(&pool, loop.now))
  }

  func description() -> String { pool.description(loop.now) }

  /// What a waiter hears whose time in the queue is over.
  func queueTimeout() -> GatewayError {
    let (now, words) = (loop.now, pool.description(loop.now))
    return pool.accounts.contains { $0.canServe(now) } ? .poolBusy(words) : .poolUnavailable(words, retryAfterSeconds: nil)
  }

  private func carryOut(_ grants: [AccountPool.Grant]) {
    for grant in grants {
      guard let waiter = waiters.removeValue(forKey: grant.ticket) else { continue }
      switch grant.admission {
      case .leased(let account): waiter.leaseGranted(lease(account))
      case .refused(let error): waiter.leaseRefused(error)
      case .waiting: break
      }
    }
    rearm()
  }

  private func lease(_ account: AccountPool.AccountIndex) -> Lease {
    Lease(account, tokenGeneration: pool.accounts[account].tokenGeneration)
  }

  private func makeTimer() -> LoopTimer {
    LoopTimer(loop: loop) { [weak self] in
      guard let self else { return }
      carryOut(pool.tick(loop.now))
    }
  }

  private func rearm() {
    guard let next = pool.nextTick else { return timer.stop() }
    timer.start(after: next > loop.now ? next - loop.now : 1)
  }

  private func report(_ index: AccountPool.AccountIndex, from before: Account.Condition) {
    let account = pool.accounts[index]
    guard account.condition != before, let words = account.lastError else { return }
    switch account.condition {
    case .ready: break
    case .cooling(let until, .rateLimited):
      log.notice("account \(account.name) is rate-limited and rests for \((until - loop.now) / 1000) s: \(words)")
    case .cooling(_, .upstream): log.debug("account \(account.name) pauses after a fault of the upstream's: \(words)")
    case .outOfCredits: log.warning("account \(account.name) is out of credits and rests until the next day: \(words)")
    case .expired: log.warning("account \(account.name) is out of service until its token is renewed: \(words)")
    }
  }

  private func reportBreaker() {
    switch pool.breaker.state {
    case .closed: log.notice("the upstream works again")
    case .open: log.error("the upstream fails for several accounts: requests are held back, single ones probe it")
    case .probing: break
    }
  }
}

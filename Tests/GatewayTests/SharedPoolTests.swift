import EventLoop
import Logging
import Synchronization
import Testing

@testable import Gateway

/// A desk of one loop, as the core sets it up.
private final class DeskOfLoop {
  let loop: EventLoop
  let desk: AccountDesk
  private let receiver: MailboxReceiver<WorkerMessage>

  init(_ worker: Int, _ pool: SharedPool, _ mailboxes: [LoopMailbox<WorkerMessage>], loop: EventLoop) throws {
    self.loop = loop
    let desk = AccountDesk(loop: loop, shared: pool, worker: worker, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    self.desk = desk
    receiver = try MailboxReceiver(loop: loop, mailbox: mailboxes[worker]) { message in
      if case .grants(let grants) = message { desk.receive(grants) }
    }
    desk.send = { grants, worker in mailboxes[worker].post(.grants(grants)) }
  }

  func close() {
    receiver.close()
    desk.close()
    loop.close()
  }
}

private final class Asker: LeaseReceiver {
  var lease: Lease?
  var error: GatewayError?
  func leaseGranted(_ lease: Lease) { self.lease = lease }
  func leaseRefused(_ error: GatewayError) { self.error = error }
}

private func pool(_ capacities: [Int], affinityWait: UInt64 = 0) -> SharedPool {
  var limits = AccountPool.Limits()
  (limits.affinityWait, limits.pause) = (affinityWait, 2)
  var breaker = Breaker.Limits()
  breaker.accounts = 100
  breaker.window = 1
  let accounts = capacities.enumerated().map { Account(name: "a\($0.offset)", capacity: $0.element, weight: 1, isEnabled: true) }
  return SharedPool(AccountPool(accounts: accounts, limits: limits, breaker: breaker, seed: 1))
}

@Suite("Accounts over several loops") struct SharedPoolTests {
  private let mailboxes = [LoopMailbox<WorkerMessage>(), LoopMailbox<WorkerMessage>()]

  /// Two desks on one thread, so that what happens between them is in the test's hands.
  private func withDesks(_ capacities: [Int], _ body: (SharedPool, DeskOfLoop, DeskOfLoop) throws -> Void) throws {
    let pool = pool(capacities)
    let desks = try (0..<2).map { try DeskOfLoop($0, pool, mailboxes, loop: EventLoop()) }
    try body(pool, desks[0], desks[1])
    for desk in desks { desk.close() }
    #expect(pool.read { $0.inFlight } == 0 && pool.read { $0.waiting } == 0)
  }

  /// Lets the loop receive what was posted to it.
  private func turn(_ desk: DeskOfLoop) {
    let timer = LoopTimer(loop: desk.loop) { desk.loop.stop() }
    timer.start(after: 1)
    desk.loop.run()
    timer.close()
  }

  private func granted(_ answer: AccountDesk.Answer) -> Lease? { if case .granted(let lease) = answer { lease } else { nil } }
  private func ticket(_ answer: AccountDesk.Answer) -> AccountPool.Ticket? {
    if case .waiting(let ticket) = answer { ticket } else { nil }
  }

  @Test func aLeaseGivenBackOnOneLoopWakesTheWaiterOfAnother() throws {
    try withDesks([1]) { pool, one, other in
      let lease = try #require(granted(one.desk.ask(Asker(), key: 0, preferred: nil, excluded: [])))
      let asker = Asker()
      #expect(ticket(other.desk.ask(asker, key: 0, preferred: nil, excluded: [])) != nil)
      one.desk.giveBack(lease, .success)
      #expect(asker.lease == nil, "it is not called on another loop's thread")
      #expect(pool.read { $0.inFlight } == 1)
      turn(other)
      let second = try #require(asker.lease)
      #expect(second.accountName == "a0")
      other.desk.giveBack(second, .success)
    }
  }

  /// The client leaves while the grant is on its way: the account goes to the next.
  @Test func aGrantThatComesTooLateGoesBack() throws {
    try withDesks([1]) { pool, one, other in
      let lease = try #require(granted(one.desk.ask(Asker(), key: 0, preferred: nil, excluded: [])))
      let (leaving, next) = (Asker(), Asker())
      let left = try #require(ticket(other.desk.ask(leaving, key: 0, preferred: nil, excluded: [])))
      #expect(ticket(one.desk.ask(next, key: 0, preferred: nil, excluded: [])) != nil)
      one.desk.giveBack(lease, .success)
      other.desk.withdraw(left)
      #expect(pool.read { $0.inFlight } == 1)
      turn(other)
      #expect(leaving.lease == nil)
      turn(one)
      one.desk.giveBack(try #require(next.lease), .success)
      #expect(pool.read { $0.accounts[0].failures } == 0)
    }
  }

  @Test func aClosedLoopTakesNothing() throws {
    let pool = pool([1])
    let (one, other) = (
      try DeskOfLoop(0, pool, mailboxes, loop: EventLoop()), try DeskOfLoop(1, pool, mailboxes, loop: EventLoop())
    )
    let lease = try #require(granted(one.desk.ask(Asker(), key: 0, preferred: nil, excluded: [])))
    #expect(ticket(other.desk.ask(Asker(), key: 0, preferred: nil, excluded: [])) != nil)
    other.close()
    one.desk.giveBack(lease, .success)
    #expect(pool.read { $0.inFlight } == 0)
    one.close()
  }

  /// Refusals reach the loop that waits as well.
  @Test func whoWaitsOnAnotherLoopHearsThatThereIsNoHope() throws {
    try withDesks([1]) { _, one, other in
      let lease = try #require(granted(one.desk.ask(Asker(), key: 0, preferred: nil, excluded: [])))
      let asker = Asker()
      _ = other.desk.ask(asker, key: 0, preferred: nil, excluded: [])
      one.desk.giveBack(lease, .tokenInvalid("expired"))
      turn(other)
      guard case .credentialsExhausted = asker.error else {
        Issue.record("\(String(describing: asker.error))")
        return
      }
    }
  }

  /// API keys take turns, whichever loops their requests wait on.
  @Test func keysTakeTurnsAcrossLoops() throws {
    try withDesks([1]) { _, one, other in
      var lease = try #require(granted(one.desk.ask(Asker(), key: 9, preferred: nil, excluded: [])))
      let (first, second, third) = (Asker(), Asker(), Asker())
      _ = one.desk.ask(first, key: 1, preferred: nil, excluded: [])
      _ = one.desk.ask(second, key: 1, preferred: nil, excluded: [])
      _ = other.desk.ask(third, key: 2, preferred: nil, excluded: [])
      one.desk.giveBack(lease, .success)
      lease = try #require(first.lease)
      one.desk.giveBack(lease, .success)
      #expect(second.lease == nil)
      turn(other)
      other.desk.giveBack(try #require(third.lease), .success)
      turn(one)
      one.desk.giveBack(try #require(second.lease), .success)
    }
  }

  /// While a reload is under way, a loop may ask for an account that has its place among the prepared sessions but not in the pool yet.
  @Test func anAccountThatIsStillToComeServesNobody() {
    let pool = pool([1, 1])
    #expect(pool.read { $0.firstServing(among: [7, 2, 1, 0], now: 0) } == 1)
    #expect(pool.read { $0.firstServing(among: [2], now: 0) } == nil)
  }

  /// The loops' clocks are read at different moments.
  @Test func thePoolsTimeNeverGoesBack() {
    let pool = pool([1])
    #expect(pool.transact(1000) { _, now in now } == 1000)
    #expect(pool.transact(990) { _, now in now } == 1000)
    #expect(pool.transact(1001) { _, now in now } == 1001)
  }
}

/// Many clients on several threads: they ask, hold for a moment, give up now and then, and give back with every outcome.
@Suite("Accounts under many threads") struct SharedPoolLoadTests {
  private static let capacities = [1, 2, 3, 2]
  private static let workers = 3
  private static let clients = 12
  private static let rounds = 60

  /// What is held of each account, as its users see it.
  private final class Ledger: Sendable {
    let held = Locked(capacities.map { _ in 0 })
    let tooMany = Atomic(0)
    let served = Atomic(0)
    let withdrawn = Atomic(0)

    func take(_ account: Int) {
      let isTooMany = held.withLock { held in
        held[account] += 1
        return held[account] > capacities[account]
      }
      if isTooMany { tooMany.add(1, ordering: .relaxed) }
      served.add(1, ordering: .relaxed)
    }

    func giveBack(_ account: Int) { held.withLock { $0[account] -= 1 } }
  }

  private final class Client: LeaseReceiver {
    private let at: DeskOfLoop
    private let ledger: Ledger
    private var random: SeededGenerator
    private var roundsLeft = rounds
    private var lease: Lease?
    private var ticket: AccountPool.Ticket?
    private lazy var timer = LoopTimer(loop: at.loop) { [unowned self] in act() }
    private let done: () -> Void

    init(_ at: DeskOfLoop, _ ledger: Ledger, seed: UInt64, done: @escaping () -> Void) {
      (self.at, self.ledger, self.done) = (at, ledger, done)
      random = SeededGenerator(seed: seed)
    }

    func start() { timer.start(after: UInt64.random(in: 0...2, using: &random)) }

    func act() {
      if let lease {
        self.lease = nil
        ledger.giveBack(lease.account)
        at.desk.giveBack(lease, outcome())
      } else if let ticket {
        self.ticket = nil
        at.desk.withdraw(ticket)
        ledger.withdrawn.add(1, ordering: .relaxed)
      }
      guard roundsLeft > 0 else {
        timer.close()
        return done()
      }
      roundsLeft -= 1
      let preferred = Int.random(in: 0..<6, using: &random)
      switch at.desk.ask(
        self, key: Int.random(in: 0..<3, using: &random), preferred: preferred < capacities.count ? preferred : nil, excluded: [])
      {
      case .granted(let lease): leaseGranted(lease)
      case .waiting(let ticket):
        self.ticket = ticket
        timer.start(after: UInt64.random(in: 1...40, using: &random))
      case .refused: timer.start(after: 1)
      }
    }

    func leaseGranted(_ lease: Lease) {
      ticket = nil
      self.lease = lease
      ledger.take(lease.account)
      timer.start(after: UInt64.random(in: 0...3, using: &random))
    }

    func leaseRefused(_ error: GatewayError) {
      ticket = nil
      timer.start(after: 1)
    }

    private func outcome() -> LeaseOutcome {
      switch Int.random(in: 0..<20, using: &random) {
      case 0: .rateLimited(retryAfterMilliseconds: 2, "slow down")
      case 1: .neutral
      case 2: .upstreamFault("broken")
      case 3: .answered
      default: .success
      }
    }
  }

  private static func run(_ worker: Int, _ pool: SharedPool, _ mailboxes: [LoopMailbox<WorkerMessage>], _ ledger: Ledger) throws {
    let at = try DeskOfLoop(worker, pool, mailboxes, loop: EventLoop())
    var left = clients
    let clients = (0..<clients).map { number in
      Client(at, ledger, seed: UInt64(worker * 1000 + number)) {
        left -= 1
        if left == 0 { at.loop.stop() }
      }
    }
    for client in clients { client.start() }
    at.desk.start()
    while left > 0 { at.loop.run() }
    at.close()
  }

  @Test(.timeLimit(.minutes(2))) func capacityIsNeverExceededAndNothingIsLost() throws {
    let (pool, ledger) = (pool(Self.capacities, affinityWait: 20), Ledger())
    let mailboxes = (0..<Self.workers).map { _ in LoopMailbox<WorkerMessage>() }
    let failures = Locked<[String]>([])
    let threads = try (0..<Self.workers).map { worker in
      try LoopThread(name: "desk") {
        do { try Self.run(worker, pool, mailboxes, ledger) } catch { failures.withLock { $0.append("\(error)") } }
      }
    }
    for thread in threads { thread.join() }
    #expect(failures.withLock { $0 } == [])
    #expect(ledger.tooMany.load(ordering: .relaxed) == 0)
    #expect(ledger.held.withLock { $0 } == [0, 0, 0, 0])
    #expect(pool.read { $0.inFlight } == 0 && pool.read { $0.waiting } == 0)
    #expect(ledger.served.load(ordering: .relaxed) > 500 && ledger.withdrawn.load(ordering: .relaxed) > 50)
    print("served \(ledger.served.load(ordering: .relaxed)), withdrawn \(ledger.withdrawn.load(ordering: .relaxed))")
  }
}

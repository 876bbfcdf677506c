/// Hands out accounts: least loaded first, ties to the one idle longest, at most `capacity` completions at a time on each;
/// beyond that requests wait, first come first served. A pure state machine: time comes in as a parameter (ms, monotonic).
package struct AccountPool {
  package typealias AccountIndex = Int
  /// Names a request that asks for an account.
  package typealias Ticket = Int

  package struct Account {
    package let name: String
    package let capacity: Int
    package let weight: Int
    package var isEnabled: Bool
    package fileprivate(set) var inFlight = 0
    fileprivate var lastLeased: UInt64 = 0

    package init(name: String, capacity: Int, weight: Int, isEnabled: Bool) {
      (self.name, self.capacity, self.weight, self.isEnabled) = (name, capacity, weight, isEnabled)
    }

    fileprivate var hasRoom: Bool { isEnabled && inFlight < capacity }
  }

  package enum Admission: Equatable {
    case leased(AccountIndex)
    /// In the queue: `release` will name the ticket, unless it is withdrawn.
    case waiting
    case refused(GatewayError)
  }

  package private(set) var accounts: [Account]
  private let queueLimit: Int
  private var queue: [Ticket] = []
  private var lastTicket = 0
  private var leases = 0

  package init(accounts: [Account], queueLimit: Int) { (self.accounts, self.queueLimit) = (accounts, queueLimit) }

  package mutating func newTicket() -> Ticket {
    lastTicket += 1
    return lastTicket
  }

  /// - Parameter preferred: the account that holds the conversation; taken if it has room.
  package mutating func lease(_ ticket: Ticket, preferred: AccountIndex? = nil) -> Admission {
    guard accounts.contains(where: \.isEnabled) else {
      return .refused(accounts.isEmpty ? .noCookies : .poolUnavailable(description))
    }
    if queue.isEmpty, let index = best(preferred) {
      take(index)
      return .leased(index)
    }
    guard queue.count < queueLimit else { return .refused(.poolBusy(description)) }
    queue.append(ticket)
    return .waiting
  }

  /// Gives one lease of `index` back. Returns the waiter that has the account now, if one was waiting.
  package mutating func release(_ index: AccountIndex) -> (ticket: Ticket, account: AccountIndex)? {
    precondition(accounts[index].inFlight > 0, "a lease was given back twice")
    accounts[index].inFlight -= 1
    guard let ticket = queue.first, let index = best(nil) else { return nil }
    queue.removeFirst()
    take(index)
    return (ticket, index)
  }

  /// A waiter gave up.
  package mutating func withdraw(_ ticket: Ticket) { queue.removeAll { $0 == ticket } }

  package var waiting: Int { queue.count }
  package var inFlight: Int { accounts.reduce(0) { $0 + $1.inFlight } }

  /// What an operator sees: "2 busy, 1 disabled".
  package var description: String {
    let disabled = accounts.count { !$0.isEnabled }
    let busy = accounts.count { $0.isEnabled && !$0.hasRoom }
    return "\(busy) busy, \(disabled) disabled, \(queue.count) requests waiting"
  }

  private mutating func take(_ index: AccountIndex) {
    leases += 1
    accounts[index].inFlight += 1
    accounts[index].lastLeased = UInt64(leases)
  }

  private func best(_ preferred: AccountIndex?) -> AccountIndex? {
    if let preferred, accounts[preferred].hasRoom { return preferred }
    return accounts.indices.filter { accounts[$0].hasRoom }.min { isLessLoaded(accounts[$0], accounts[$1]) }
  }

  private func isLessLoaded(_ a: Account, _ b: Account) -> Bool {
    // in flight ÷ (capacity × weight), compared without dividing
    let left = a.inFlight * b.capacity * b.weight
    let right = b.inFlight * a.capacity * a.weight
    return left != right ? left < right : a.lastLeased < b.lastLeased
  }
}

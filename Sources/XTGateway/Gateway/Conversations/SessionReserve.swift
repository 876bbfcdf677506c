/// Sessions made ahead, so that a new conversation need not wait for one. A pure state machine.
public struct SessionReserve: Sendable {
  private struct Prepared {
    var session: LiveSession
    var updatedAt: UInt64
  }

  private struct Shelf {
    var ready: [Prepared] = []
    /// Being made or cleared.
    var coming = 0
  }

  /// Sessions to keep ready on each account; 0: none are made ahead.
  public var target: Int
  private var shelves: [Shelf]
  public var accountCount: Int { shelves.count }
  /// How often each model was asked for, halved now and then so that the past fades.
  private var demand: [String: Int] = [:]
  private var asked = 0
  private var favourite: (model: String, count: Int)?

  private static let fadeEvery = 256

  public init(accounts: Int, target: Int) {
    self.target = target
    shelves = Array(repeating: Shelf(), count: accounts)
  }

  /// Accounts may have joined.
  public mutating func grow(to accounts: Int) {
    while shelves.count < accounts { shelves.append(Shelf()) }
  }

  /// Removes and returns what an account holds.
  public mutating func remove(account: AccountPool.AccountIndex) -> [LiveSession] {
    defer { shelves[account].ready = [] }
    return shelves[account].ready.map(\.session)
  }

  /// A conversation began with `model`.
  public mutating func note(model: String) {
    let count = demand[model, default: 0] + 1
    demand[model] = count
    if favourite.map({ Self.precedes(model, count, $0.model, $0.count) }) ?? true { favourite = (model, count) }
    asked += 1
    guard asked >= Self.fadeEvery else { return }
    asked = 0
    demand = demand.mapValues { $0 / 2 }.filter { $0.value > 0 }
    favourite = demand.min { Self.precedes($0.key, $0.value, $1.key, $1.value) }.map { ($0.key, $0.value) }
  }

  /// More demand comes first, and of equals the name that sorts first; a model also comes before its own smaller count.
  private static func precedes(_ model: String, _ count: Int, _ other: String, _ otherCount: Int) -> Bool {
    count != otherCount ? count > otherCount : model < other
  }

  /// The model asked for most; nil before anything was asked.
  public var favouriteModel: String? { favourite?.model }

  /// Takes a session of `account`, one set to `model` if there is any.
  public mutating func take(account: AccountPool.AccountIndex, model: String) -> LiveSession? {
    guard !shelves[account].ready.isEmpty else { return nil }
    let index = shelves[account].ready.firstIndex { $0.session.model == model } ?? 0
    return shelves[account].ready.remove(at: index).session
  }

  /// Whether `account` has too few, those that are coming counted.
  public func wants(account: AccountPool.AccountIndex) -> Bool { shelves[account].ready.count + shelves[account].coming < target }

  /// Whether any account has too few.
  public var isWanting: Bool { target > 0 && shelves.contains { $0.ready.count + $0.coming < target } }

  /// The accounts that have too few.
  public var wanting: [AccountPool.AccountIndex] { target > 0 ? shelves.indices.filter { wants(account: $0) } : [] }

  public mutating func began(account: AccountPool.AccountIndex) { shelves[account].coming += 1 }

  /// What `began` announced is there, or, with nil, will not come.
  public mutating func ended(account: AccountPool.AccountIndex, _ session: LiveSession?, updatedAt: UInt64 = 0) {
    precondition(shelves[account].coming > 0)
    shelves[account].coming -= 1
    if let session { put(session, updatedAt: updatedAt) }
  }

  /// - Parameter updatedAt: when the upstream heard of it last (ms, monotonic); 0: who knows.
  public mutating func put(_ session: LiveSession, updatedAt: UInt64 = 0) {
    shelves[session.account].ready.append(Prepared(session: session, updatedAt: updatedAt))
  }

  /// Removes and returns those that the upstream has not heard of since `deadline`.
  public mutating func takeStale(updatedBefore deadline: UInt64) -> [LiveSession] {
    var stale: [LiveSession] = []
    for account in shelves.indices {
      stale += shelves[account].ready.filter { $0.updatedAt <= deadline }.map(\.session)
      shelves[account].ready.removeAll { $0.updatedAt <= deadline }
    }
    return stale
  }

  /// Removes and returns everything.
  public mutating func removeAll() -> [LiveSession] {
    defer { for account in shelves.indices { shelves[account].ready = [] } }
    return shelves.flatMap { $0.ready.map(\.session) }
  }

  public func count(account: AccountPool.AccountIndex) -> Int { shelves[account].ready.count }
  public var count: Int { shelves.reduce(0) { $0 + $1.ready.count } }
}

/// Connections that wait for a request, the most recently used first: what is not needed any more grows old. A pure value.
struct IdleConnections<Connection: AnyObject> {
  /// In the order in which they became idle.
  private var waiting: [(connection: Connection, since: UInt64)] = []
  private let limit: Int
  private let lifetime: UInt64

  /// `lifetime` in milliseconds, as is every time here.
  init(limit: Int, lifetime: UInt64) { (self.limit, self.lifetime) = (limit, lifetime) }

  var count: Int { waiting.count }

  /// When the next one will be too old.
  var nextExpiry: UInt64? { waiting.first.map { $0.since + lifetime } }

  /// Returns the one to be closed instead, if there are too many.
  mutating func put(_ connection: Connection, now: UInt64) -> Connection? {
    waiting.append((connection, now))
    return waiting.count > limit ? waiting.removeFirst().connection : nil
  }

  mutating func take(where isSuitable: (Connection) -> Bool) -> Connection? {
    guard let index = waiting.lastIndex(where: { isSuitable($0.connection) }) else { return nil }
    return waiting.remove(at: index).connection
  }

  mutating func remove(_ connection: Connection) {
    if let index = waiting.lastIndex(where: { $0.connection === connection }) { waiting.remove(at: index) }
  }

  /// Takes the oldest one out if its time has come.
  mutating func takeExpired(now: UInt64) -> Connection? {
    guard let first = waiting.first, first.since + lifetime <= now else { return nil }
    return waiting.removeFirst().connection
  }

  mutating func takeAny() -> Connection? { waiting.popLast()?.connection }
}

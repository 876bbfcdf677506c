/// What one connection may have of a turn of the loop. A client that pipelines gets its answers a few at a time, with everybody
/// else's in between.
struct TurnBudget {
  static let maxRequests: UInt32 = 8
  static let maxBytes: UInt32 = 262_144

  private var requests: UInt32 = 0
  private var bytes: UInt32 = 0
  /// The loop's clock stands still during a turn, so what was spent at another time was spent in another turn. Turns of the same
  /// millisecond count as one: the connection then hears of its next turn through the queue.
  private var moment: UInt64 = 0

  /// Whether the connection has to wait for its next turn.
  var isSpent: Bool { requests >= Self.maxRequests || bytes >= Self.maxBytes }

  mutating func spend(bytes count: Int, now: UInt64) {
    if now != moment { renew(now) }
    bytes += UInt32(clamping: count)
  }

  mutating func spendRequest() { requests += 1 }

  mutating func renew(_ now: UInt64) { (requests, bytes, moment) = (0, 0, now) }
}

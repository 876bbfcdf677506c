/// An account as the pool sees it.
public struct Account: Sendable {
  public enum Condition: Equatable, Sendable {
    case ready
    /// No new lease until then (ms, monotonic).
    case cooling(until: UInt64, Reason)
    /// No new lease until its credits come back (ms, monotonic), or an operator says so.
    case outOfCredits(until: UInt64)
    /// Its token is not accepted any more, or near its end: no lease until there is another.
    case expired
  }

  /// Why an account cools down.
  public enum Reason: String, Sendable { case rateLimited = "rate_limited", upstream }

  public let name: String
  public internal(set) var capacity: Int
  public internal(set) var weight: Int
  /// The operator's word.
  public internal(set) var isEnabled: Bool
  /// Removed from the configuration: running requests finish, no new ones begin.
  public internal(set) var isDraining = false
  public internal(set) var condition = Condition.ready
  public internal(set) var inFlight = 0
  public internal(set) var requests = 0
  public internal(set) var failures = 0
  public internal(set) var lastError: String?
  /// When its token ends (ms, monotonic); nil: unknown.
  public internal(set) var tokenEndsAt: UInt64?
  /// Counts its tokens: what is said of an older one does not concern the account any more.
  public internal(set) var tokenGeneration = 0
  /// The same by the time of day, in Unix seconds.
  public internal(set) var tokenExpiresAt: Int?
  /// Credits left; nil: not known.
  public internal(set) var credits: Int?
  /// Another token comes without anybody's doing when this one is not accepted any more.
  public internal(set) var isRenewed = false
  /// Rate limits in a row, for the next cool-down.
  var strikes = 0
  /// Counts leases of the whole pool: the smaller, the longer idle.
  var lastLeased = 0

  public init(name: String, capacity: Int, weight: Int, isEnabled: Bool, tokenEndsAt: UInt64? = nil) {
    (self.name, self.capacity, self.weight, self.isEnabled) = (name, capacity, weight, isEnabled)
    self.tokenEndsAt = tokenEndsAt
  }

  /// How long before its end a token is not used any more, in milliseconds.
  public static let tokenMargin: UInt64 = 60_000

  /// Whether it may serve at all now, room or not.
  public func canServe(_ now: UInt64) -> Bool {
    isEnabled && !isDraining && condition == .ready && (tokenEndsAt.map { now + Self.tokenMargin < $0 } ?? true)
  }

  /// Dead until somebody does something about it.
  var isDead: Bool {
    switch condition {
    case .expired, .outOfCredits: true
    case .ready, .cooling: false
    }
  }

  /// Why it does not serve, in a word; nil when it does.
  public var reason: String? {
    if isDraining { return "removed" }
    guard isEnabled else { return "operator" }
    switch condition {
    case .ready: return nil
    case .cooling(_, let reason): return reason.rawValue
    case .outOfCredits: return "credits"
    case .expired: return "token"
    }
  }

  /// When it comes back by itself (ms, monotonic).
  public var restsUntil: UInt64? {
    switch condition {
    case .cooling(let until, _), .outOfCredits(let until): until
    case .ready, .expired: nil
    }
  }

  public static let stateNames = ["ready", "cooling", "expired", "out_of_credits", "disabled", "draining"]

  /// As `/admin/accounts` calls it.
  public var stateName: String {
    if isDraining { return "draining" }
    guard isEnabled else { return "disabled" }
    switch condition {
    case .ready: return "ready"
    case .cooling: return "cooling"
    case .outOfCredits: return "out_of_credits"
    case .expired: return "expired"
    }
  }
}

/// What a request did to the account that it had leased.
public enum LeaseOutcome: Equatable, Sendable {
  case success
  /// The upstream did its part, but the request could not be served, through no fault of the account's.
  case answered
  /// It ended before anything could be learned.
  case neutral
  case rateLimited(retryAfterMilliseconds: UInt64?, String)
  case outOfCredits(milliseconds: UInt64, String)
  case tokenInvalid(String)
  /// The upstream broke, whatever the account.
  case upstreamFault(String)
}

/// What one API key may still do: requests a minute (a token bucket) and requests at a time. A pure state machine; times in
/// milliseconds, monotonic.
public struct KeyLimiter: Sendable {
  public struct Limits: Equatable, Sendable {
    /// 0: no limit.
    public var concurrency: Int
    /// 0: no limit. The bucket holds as many and fills evenly.
    public var perMinute: Int

    public init(concurrency: Int, perMinute: Int) { (self.concurrency, self.perMinute) = (concurrency, perMinute) }
  }

  public enum Refusal: Equatable, Sendable {
    case tooMany(atATime: Int)
    case tooOften(perMinute: Int, retryAfterSeconds: Int)

    var message: String {
      switch self {
      case .tooMany(let limit): "Rate limit reached for this API key: \(limit) requests at a time."
      case .tooOften(let limit, let seconds):
        "Rate limit reached for this API key: \(limit) requests per minute. Try again in \(seconds) s."
      }
    }

    var retryAfterSeconds: Int {
      switch self {
      case .tooMany: 1
      case .tooOften(_, let seconds): seconds
      }
    }
  }

  /// For OpenAI's `x-ratelimit-*` headers.
  public struct Status: Equatable, Sendable {
    public var limit: Int
    public var remaining: Int
    /// Until the bucket is full again.
    public var resetMilliseconds: Int
  }

  private var limits: Limits
  private var running = 0
  /// In sixty-thousandths of a request, so that filling is exact.
  private var level: Int
  private var filledAt: UInt64

  public init(_ limits: Limits, now: UInt64) {
    self.limits = limits
    level = limits.perMinute * 60_000
    filledAt = now
  }

  /// Other limits hold from now on; what was used stays used.
  public mutating func configure(_ new: Limits, now: UInt64) {
    fill(now)
    let missing = limits.perMinute * Self.cost - level
    limits = new
    level = max(0, limits.perMinute * Self.cost - missing)
  }

  /// A request begins, or is refused; what began has to end.
  public mutating func begin(_ now: UInt64) -> Refusal? {
    fill(now)
    if limits.concurrency > 0, running >= limits.concurrency { return .tooMany(atATime: limits.concurrency) }
    if limits.perMinute > 0 {
      guard level >= Self.cost else {
        let wait = (Self.cost - level + limits.perMinute - 1) / limits.perMinute
        return .tooOften(perMinute: limits.perMinute, retryAfterSeconds: max(1, (wait + 999) / 1000))
      }
      level -= Self.cost
    }
    running += 1
    return nil
  }

  public mutating func end() {
    precondition(running > 0, "a request ended twice")
    running -= 1
  }

  public mutating func status(_ now: UInt64) -> Status? {
    guard limits.perMinute > 0 else { return nil }
    fill(now)
    let missing = limits.perMinute * Self.cost - level
    return Status(
      limit: limits.perMinute, remaining: level / Self.cost, resetMilliseconds: (missing + limits.perMinute - 1) / limits.perMinute)
  }

  /// One request in units of the bucket, which gains `perMinute` of them a millisecond.
  private static let cost = 60_000

  private mutating func fill(_ now: UInt64) {
    guard now > filledAt else { return }
    let gained = Int(min(now - filledAt, 60_000)) * limits.perMinute
    level = min(limits.perMinute * Self.cost, level + gained)
    filledAt = now
  }
}

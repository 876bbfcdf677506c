/// The clocks of one exchange, all in milliseconds on the loop's clock. Nothing is started or stopped for a piece: moments are noted,
/// and the one timer looks at them when it fires.
public struct ExchangeClock {
  public enum Due: Equatable {
    case keepAlive
    /// Waited too long for an account.
    case queue
    case timeout(GatewayError.Waiting)
    /// The record came, but `[DONE]` does not.
    case grace
  }

  public struct Limits {
    public var queue: UInt64
    public var firstByte: UInt64
    public var idle: UInt64
    public var total: UInt64
    public var keepAlive: UInt64
    /// How long the end of the stream may take after the record.
    public var grace: UInt64 = 1000

    public init(queue: UInt64, firstByte: UInt64, idle: UInt64, total: UInt64, keepAlive: UInt64) {
      (self.queue, self.firstByte, self.idle, self.total, self.keepAlive) = (queue, firstByte, idle, total, keepAlive)
    }

    init(_ configuration: Configuration) {
      self.init(
        queue: UInt64(configuration.pool.queueTimeoutMilliseconds),
        firstByte: UInt64(configuration.upstream.firstByteTimeoutMilliseconds),
        idle: UInt64(configuration.upstream.idleTimeoutMilliseconds),
        total: UInt64(configuration.upstream.totalTimeoutMilliseconds),
        keepAlive: UInt64(configuration.stream.keepAliveSeconds) * 1000)
    }
  }

  private var spokeAt: UInt64
  private var heardAt: UInt64?
  private var isPaused = false
  private var recordedAt: UInt64?
  private var queuedAt: UInt64?
  private var sentAt: UInt64?
  private let sendsKeepAlives: Bool
  private let started: UInt64
  private let limits: Limits

  public init(limits: Limits, now: UInt64, sendsKeepAlives: Bool) {
    (self.limits, started, spokeAt, self.sendsKeepAlives) = (limits, now, now, sendsKeepAlives)
  }

  public mutating func queued(_ now: UInt64) { queuedAt = now }
  public mutating func leased() { queuedAt = nil }
  /// The message went to the upstream.
  public mutating func sent(_ now: UInt64) { (sentAt, heardAt) = (now, nil) }
  /// The attempt failed; what was sent and heard does not count any more.
  public mutating func left() { (sentAt, heardAt, recordedAt) = (nil, nil, nil) }
  /// Bytes came from the upstream.
  public mutating func heard(_ now: UInt64) { heardAt = now }
  /// Something went to the client.
  public mutating func spoke(_ now: UInt64) { spokeAt = now }
  /// The record came; what still follows it does not lengthen the wait for the end.
  public mutating func recorded(_ now: UInt64) { recordedAt = recordedAt ?? now }

  /// While the client takes nothing, silence is its own doing.
  public mutating func paused(_ now: UInt64, _ yes: Bool) {
    isPaused = yes
    if !yes {
      if heardAt != nil { heardAt = now }
      spokeAt = now
    }
  }

  /// What is due at `now`; a keep-alive counts as spoken.
  public mutating func due(_ now: UInt64) -> Due? {
    if let recordedAt, now >= recordedAt + limits.grace { return .grace }
    if now >= started + limits.total { return .timeout(.end) }
    if let queuedAt, now >= queuedAt + limits.queue { return .queue }
    guard !isPaused else { return nil }
    if let heardAt {
      if now >= heardAt + limits.idle { return .timeout(.nextByte) }
    } else if let sentAt, now >= sentAt + limits.firstByte {
      return .timeout(.firstByte)
    }
    guard sendsKeepAlives, now >= spokeAt + limits.keepAlive else { return nil }
    spokeAt = now
    return .keepAlive
  }

  /// When to look again.
  public var next: UInt64 {
    var next = started + limits.total
    if let recordedAt { next = min(next, recordedAt + limits.grace) }
    if let queuedAt { next = min(next, queuedAt + limits.queue) }
    guard !isPaused else { return next }
    if let heardAt { next = min(next, heardAt + limits.idle) } else if let sentAt { next = min(next, sentAt + limits.firstByte) }
    return sendsKeepAlives ? min(next, spokeAt + limits.keepAlive) : next
  }
}

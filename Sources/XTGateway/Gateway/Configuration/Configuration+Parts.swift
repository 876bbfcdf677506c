import OpenAI
import XSTech

// What the parts of the gateway take from the configuration.

extension Account {
  init(_ cookie: Configuration.Cookie, _ configuration: Configuration, now: UInt64) {
    let expiresAt = AccountToken(cookie.authorization).expiresAt
    self.init(
      name: cookie.name, capacity: cookie.maxConcurrency ?? configuration.pool.maxConcurrency, weight: cookie.weight,
      isEnabled: cookie.enabled,
      tokenEndsAt: expiresAt.map { Self.moment($0, now: now, unixNow: Timestamp.unixSeconds) })
    tokenExpiresAt = expiresAt
    // To be signed in for.
    if cookie.authorization.isEmpty { condition = .expired }
  }

  /// A time of day on the loop's clock; 0 where it has passed.
  static func moment(_ unixSeconds: Int, now: UInt64, unixNow: Int) -> UInt64 {
    let left = min(max(unixSeconds - unixNow, -1_000_000_000), 1_000_000_000_000)
    return left >= 0 ? now + UInt64(left) * 1000 : 0
  }
}

extension AccountPool.Limits {
  init(_ configuration: Configuration) {
    self.init()
    queue = configuration.pool.queueLimit
    queueTimeout = UInt64(configuration.pool.queueTimeoutMilliseconds)
    affinityWait = UInt64(configuration.pool.affinityWaitMilliseconds)
    cooldownMin = UInt64(configuration.pool.cooldownMinMilliseconds)
    cooldownMax = UInt64(max(configuration.pool.cooldownMinMilliseconds, configuration.pool.cooldownMaxMilliseconds))
  }
}

extension Breaker.Limits {
  init(_ configuration: Configuration) {
    self.init()
    accounts = configuration.pool.breakerAccounts
    window = UInt64(configuration.pool.breakerWindowMilliseconds)
    probe = UInt64(configuration.pool.breakerProbeMilliseconds)
  }
}

extension ModelHealth {
  init(_ configuration: Configuration) {
    self.init(
      shortest: UInt64(configuration.pool.cooldownMinMilliseconds), longest: UInt64(configuration.pool.cooldownMaxMilliseconds))
  }
}

extension KeyLimiter.Limits {
  init(_ key: Configuration.APIKey) { self.init(concurrency: key.maxConcurrency, perMinute: key.requestsPerMinute) }
}

extension ChatExchangeState.Policy {
  init(_ configuration: Configuration) {
    self.init()
    maxAttempts = configuration.pool.maxAttempts
    retriesAmbiguous = configuration.pool.retryAmbiguous
  }
}

extension RequestLimits {
  init(_ configuration: Configuration) {
    self.init()
    maxJSONDepth = configuration.limits.maxJSONDepth
    maxJSONValues = configuration.limits.maxJSONValues
    maxMessages = configuration.limits.maxMessages
    maxImageBytes = configuration.limits.maxImageBytes
  }
}

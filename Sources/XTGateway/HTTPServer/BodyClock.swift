/// How long a request's body may take: it may stand still for only so long, and has to bring a minimum in every window.
struct BodyClock {
  private var windowEnd = HTTPConnectionState.never
  private var windowBytes = 0

  /// A body begins. Returns the time at which it is late.
  mutating func start(_ configuration: HTTPServerConfiguration, _ now: UInt64) -> UInt64 {
    windowEnd = configuration.bodyMinBytesPerSecond > 0 ? now + configuration.bodyWindowMilliseconds : HTTPConnectionState.never
    windowBytes = 0
    return deadline(configuration, now)
  }

  /// A part of it has come; the new time.
  mutating func bodyCame(_ count: Int, _ configuration: HTTPServerConfiguration, _ now: UInt64) -> UInt64 {
    windowBytes += count
    return deadline(configuration, now)
  }

  /// The time has come: the next one if the body has brought enough in its window, nil if it is too slow.
  mutating func next(_ configuration: HTTPServerConfiguration, _ now: UInt64) -> UInt64? {
    let wanted = configuration.bodyMinBytesPerSecond * Int(configuration.bodyWindowMilliseconds) / 1000
    guard windowEnd <= now, windowBytes >= wanted else { return nil }
    // The window's bytes are recent enough to count as progress.
    return start(configuration, now)
  }

  private func deadline(_ configuration: HTTPServerConfiguration, _ now: UInt64) -> UInt64 {
    min(now + configuration.bodyTimeoutMilliseconds, windowEnd)
  }
}

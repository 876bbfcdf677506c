/// Opens when several different accounts fail through the upstream's fault within a window: then requests fail fast, and single probes find
/// out when the upstream is back. A pure state machine; times in milliseconds, monotonic.
public struct Breaker: Sendable {
  public enum State: Equatable, Sendable {
    /// All pass. → `open`
    case closed
    /// None passes until then. → `probing`
    case open(until: UInt64)
    /// One passes, and decides. → `closed`, `open`
    case probing
  }

  public struct Limits: Sendable {
    /// Distinct accounts.
    public var accounts = 3
    public var window: UInt64 = 10_000
    public var probe: UInt64 = 5_000
    public init() {}
  }

  public private(set) var state = State.closed
  public var limits: Limits
  /// The latest fault of each account.
  private var faults: [Int: UInt64] = [:]

  public init(limits: Limits) { self.limits = limits }

  public enum Verdict: Equatable {
    case pass
    /// Pass, and report what came of it.
    case probe
    case refuse(until: UInt64)
  }

  public mutating func ask(_ now: UInt64) -> Verdict {
    switch state {
    case .closed: return .pass
    case .probing: return .refuse(until: now + limits.probe)
    case .open(let until):
      guard now >= until else { return .refuse(until: until) }
      state = .probing
      return .probe
    }
  }

  /// The upstream did what it should for somebody.
  public mutating func succeeded() {
    faults.removeAll()
    state = .closed
  }

  /// A probe ended without saying anything about the upstream: the next one may try at once.
  public mutating func probeEndedSilently(_ now: UInt64) {
    if state == .probing { state = .open(until: now) }
  }

  /// - Parameters:
  ///   - usable: how many accounts could fail.
  /// - Returns: whether it opened now.
  public mutating func failed(account: Int, usable: Int, _ now: UInt64) -> Bool {
    faults[account] = now
    faults = faults.filter { $0.value + limits.window > now }
    switch state {
    case .probing:
      state = .open(until: now + limits.probe)
      return true
    case .open: return false
    case .closed:
      guard faults.count >= max(2, min(limits.accounts, usable)) else { return false }
      state = .open(until: now + limits.probe)
      return true
    }
  }
}

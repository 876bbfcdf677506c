/// Opens when several different accounts fail through the upstream's fault within a window: then requests fail fast, and single probes find
/// out when the upstream is back. A pure state machine; times in milliseconds, monotonic.
package struct Breaker: Sendable {
  package enum State: Equatable, Sendable {
    /// All pass. → `open`
    case closed
    /// None passes until then. → `probing`
    case open(until: UInt64)
    /// One passes, and decides. → `closed`, `open`
    case probing
  }

  package struct Limits: Sendable {
    /// Distinct accounts.
    package var accounts = 3
    package var window: UInt64 = 10_000
    package var probe: UInt64 = 5_000
    package init() {}
  }

  package private(set) var state = State.closed
  package var limits: Limits
  /// The latest fault of each account.
  private var faults: [Int: UInt64] = [:]

  package init(limits: Limits) { self.limits = limits }

  package enum Verdict: Equatable {
    case pass
    /// Pass, and report what came of it.
    case probe
    case refuse(until: UInt64)
  }

  package mutating func ask(_ now: UInt64) -> Verdict {
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
  package mutating func succeeded() {
    faults.removeAll()
    state = .closed
  }

  /// A probe ended without saying anything about the upstream: the next one may try at once.
  package mutating func probeEndedSilently(_ now: UInt64) {
    if state == .probing { state = .open(until: now) }
  }

  /// - Parameters:
  ///   - usable: how many accounts could fail.
  /// - Returns: whether it opened now.
  package mutating func failed(account: Int, usable: Int, _ now: UInt64) -> Bool {
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

import Wire

/// What happened so far; texts are not in it. A pure value.
struct Stats {
  struct PerAccount {
    var started = 0
    var finished = 0
    var failed = 0
    var cancelled = 0
    var inFlight = 0
    var mostInFlight = 0
    var sessionsCreated = 0
    var sessionsDeleted = 0
  }

  var calls: [Call: Int] = [:]
  var unknownPaths = 0
  var unauthorized = 0
  var busyRefusals = 0
  var pieces = 0
  /// The most completions that clients tried to run in one session at the same time.
  var mostPerSession = 0
  private(set) var total = PerAccount()
  private(set) var accounts: [Int: PerAccount] = [:]

  mutating func count(_ call: Call) { calls[call, default: 0] += 1 }

  /// Changes the numbers of an account, and the total with them.
  mutating func update(_ account: Int?, _ change: (inout PerAccount) -> Void) {
    change(&total)
    if let account { change(&accounts[account, default: PerAccount()]) }
  }

  mutating func began(_ account: Int?) {
    update(account) { counts in
      counts.started += 1
      counts.inFlight += 1
      counts.mostInFlight = max(counts.mostInFlight, counts.inFlight)
    }
  }

  mutating func ended(_ account: Int?, _ outcome: Outcome) {
    update(account) { counts in
      counts.inFlight = max(0, counts.inFlight - 1)
      switch outcome {
      case .finished: counts.finished += 1
      case .failed: counts.failed += 1
      case .cancelled: counts.cancelled += 1
      }
    }
  }

  /// Forgets everything but what is in flight.
  mutating func reset() {
    func kept(_ counts: PerAccount) -> PerAccount {
      var fresh = PerAccount()
      (fresh.inFlight, fresh.mostInFlight) = (counts.inFlight, counts.inFlight)
      return fresh
    }
    let (total, accounts) = (kept(total), accounts.mapValues(kept))
    self = Stats()
    (self.total, self.accounts) = (total, accounts)
  }
}

extension JSONWriter {
  mutating func counts(_ counts: Stats.PerAccount) {
    member("started", counts.started)
    member("finished", counts.finished)
    member("failed", counts.failed)
    member("cancelled", counts.cancelled)
    member("in_flight", counts.inFlight)
    member("most_in_flight", counts.mostInFlight)
  }
}

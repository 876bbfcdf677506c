/// What loops tell each other on the way to the end.
public enum ShutdownStep: Sendable, Equatable {
  // To all.
  /// Accept no more connections, serve those that are open.
  case drain
  /// Nothing is in flight in any loop: close what is open as soon as it is idle.
  case finishDrain
  /// End every running answer with an error.
  case cutOff
  /// Say when no session is being made any more.
  case settle
  /// Close everything.
  case stop
  // To the first.
  case idle(worker: Int, Bool)
  case drained(worker: Int)
  case settled(worker: Int)
}

/// The end of the process, over all its loops. Pure: who carries it out does what it says and nothing else.
public struct Shutdown {
  public enum Phase: Equatable {
    /// → `draining`
    case serving
    /// Running answers go on, until nothing is in flight or the budget is spent. → `settling`, `cutting`
    case draining
    /// The last bytes of answers that were cut off. → `settling`
    case cutting
    /// Sessions that are being made are awaited, so that they can be deleted. → `cleaning`, `stopped`
    case settling
    /// What is left upstream is deleted. → `stopped`
    case cleaning
    case stopped
  }

  public enum Action: Equatable {
    case tell(ShutdownStep)
    /// Fire the timer then, once, in place of any time before.
    case startTimer(milliseconds: UInt64)
    /// Take everything out of the tables, and say when it is deleted.
    case deleteAll
    case closeStore
    /// The budget is spent before everything was deleted.
    case giveUp
  }

  public private(set) var phase = Phase.serving
  private var busy: Set<Int>
  private var open: Set<Int>
  private var unsettled: Set<Int>
  private var isLastChance = false

  /// For the last bytes of answers that were cut off, and for what is left upstream where the budget is spent.
  private static let flushMilliseconds: UInt64 = 250
  private static let cleanMilliseconds: UInt64 = 2000

  public init(workers: Int) {
    busy = Set(0..<workers)
    (open, unsettled) = (busy, busy)
  }

  /// The first signal.
  /// - Parameter budgetMilliseconds: how long running answers may go on.
  public mutating func signal(budgetMilliseconds: UInt64) -> [Action] {
    guard phase == .serving else { return [] }
    phase = .draining
    return [.startTimer(milliseconds: budgetMilliseconds), .tell(.drain)]
  }

  public mutating func received(_ step: ShutdownStep) -> [Action] {
    switch step {
    case .idle(let worker, let isIdle):
      if isIdle { busy.remove(worker) } else { busy.insert(worker) }
      return phase == .draining && busy.isEmpty ? [.tell(.finishDrain)] : []
    case .drained(let worker):
      open.remove(worker)
      return (phase == .draining || phase == .cutting) && open.isEmpty ? settle() : []
    case .settled(let worker):
      unsettled.remove(worker)
      guard phase == .settling, unsettled.isEmpty else { return [] }
      phase = .cleaning
      return [.deleteAll]
    case .drain, .finishDrain, .cutOff, .settle, .stop: return []
    }
  }

  public mutating func timerFired() -> [Action] {
    switch phase {
    case .serving, .stopped: return []
    case .draining:
      phase = .cutting
      return [.tell(.cutOff), .startTimer(milliseconds: Self.flushMilliseconds)]
    case .cutting: return settle()
    case .settling, .cleaning:
      guard isLastChance else { return lastChance() }
      return [.giveUp] + stop()
    }
  }

  /// Everything is deleted, or given up.
  public mutating func deleted() -> [Action] { phase == .cleaning ? stop() : [] }

  private mutating func settle() -> [Action] {
    let isLate = phase == .cutting
    phase = .settling
    return [.closeStore, .tell(.settle)] + (isLate ? lastChance() : [])
  }

  private mutating func lastChance() -> [Action] {
    isLastChance = true
    return [.startTimer(milliseconds: Self.cleanMilliseconds)]
  }

  private mutating func stop() -> [Action] {
    phase = .stopped
    return [.tell(.stop)]
  }
}

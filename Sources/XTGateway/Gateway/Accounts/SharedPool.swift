import EventLoop

/// The account pool that all loops share. Every call is short: nothing that waits, logs or tells anybody happens under its lock.
public final class SharedPool: Sendable {
  private struct State: Sendable {
    var pool: AccountPool
    /// The latest time that any loop has named: the loops' clocks are the same but read at different moments, and the pool's time never
    /// goes back.
    var now: UInt64 = 0
  }

  private let state: Locked<State>

  public init(_ pool: AccountPool) { state = Locked(State(pool: pool)) }

  /// - Parameter now: in ms, monotonic.
  func transact<R>(_ now: UInt64, _ body: (inout AccountPool, UInt64) -> R) -> R {
    state.withLock { state in
      state.now = max(state.now, now)
      return body(&state.pool, state.now)
    }
  }

  func read<R>(_ body: (borrowing AccountPool) -> R) -> R { state.withLock { body($0.pool) } }

  // MARK: Tickets

  /// The pool's number, and the loop whose request it is.
  static func ticket(_ number: Int, of worker: Int) -> AccountPool.Ticket { number * SharedState.maxWorkers + worker }
  static func worker(of ticket: AccountPool.Ticket) -> Int { ticket % SharedState.maxWorkers }
}

import CUV

/// Jobs for a loop from other threads. Does not keep the loop alive.
public final class LoopInbox: Sendable {
  typealias Job = @Sendable () -> Void

  private struct State {
    var jobs: [Job] = []
    var isOpen = false
  }

  private let wake: LoopWake
  private let state = Locked(State())

  init(async: UnsafeMutablePointer<uv_async_t>) { wake = LoopWake(async: async) }

  func open() { state.withLock { $0.isOpen = true } }
  func close() { state.withLock { $0.isOpen = false } }

  /// Runs `job` on the loop's thread soon; returns false if the loop is closed (the job is dropped).
  @discardableResult public func post(_ job: @escaping @Sendable () -> Void) -> Bool {
    state.withLock { state in
      guard state.isOpen else { return false }
      state.jobs.append(job)
      // Where a job waits already, so does its wake-up. Sent under the lock: the handle is closed only after `close`.
      if state.jobs.count == 1 { wake.send() }
      return true
    }
  }

  /// Swaps the waiting jobs with `spare`, which must be empty.
  func take(_ spare: inout [Job]) { state.withLock { swap(&$0.jobs, &spare) } }
}

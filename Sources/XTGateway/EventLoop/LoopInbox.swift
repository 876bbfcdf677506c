import CUV
import Synchronization

/// Jobs for a loop from other threads. Does not keep the loop alive.
package final class LoopInbox: Sendable {
  typealias Job = @Sendable () -> Void

  /// `uv_async_send` is the one call that libuv allows from any thread; this pointer is used for nothing else.
  private struct Wake: @unchecked Sendable { let async: UnsafeMutablePointer<uv_async_t> }
  private struct State {
    var jobs: [Job] = []
    var isOpen = false
  }

  private let wake: Wake
  private let state = Mutex(State())

  init(async: UnsafeMutablePointer<uv_async_t>) { wake = Wake(async: async) }

  func open() { state.withLock { $0.isOpen = true } }
  func close() { state.withLock { $0.isOpen = false } }

  /// Runs `job` on the loop's thread soon; returns false if the loop is closed (the job is dropped).
  @discardableResult package func post(_ job: @escaping @Sendable () -> Void) -> Bool {
    state.withLock { state in
      guard state.isOpen else { return false }
      state.jobs.append(job)
      // Where a job waits already, so does its wake-up. Sent under the lock: the handle is closed only after `close`.
      if state.jobs.count == 1 { UVError.mustSucceed(uv_async_send(wake.async), "uv_async_send") }
      return true
    }
  }

  /// Swaps the waiting jobs with `spare`, which must be empty.
  func take(_ spare: inout [Job]) { state.withLock { swap(&$0.jobs, &spare) } }
}

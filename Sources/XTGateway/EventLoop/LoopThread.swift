import CUV

/// A thread of its own for a loop. One join is owed.
public final class LoopThread {
  private final class Start {
    let name: String
    let body: () -> Void
    init(_ name: String, _ body: @escaping () -> Void) { (self.name, self.body) = (name, body) }
  }

  private var thread = uv_thread_t()
  private var isJoined = false

  /// Runs `body` on a new thread. What it holds is that thread's from now on.
  /// - Parameter name: as system tools show it; 15 bytes of it.
  public init(name: String, _ body: sending @escaping () -> Void) throws(UVError) {
    let start = Unmanaged.passRetained(Start(name, body))
    let code = uv_thread_create(&thread, runThread, start.toOpaque())
    guard code == 0 else {
      start.release()
      isJoined = true
      throw UVError(code: code)
    }
  }

  deinit { assert(isJoined, "a thread was never joined") }

  /// Waits for its end.
  public func join() {
    guard !isJoined else { return }
    isJoined = true
    UVError.mustSucceed(uv_thread_join(&thread), "uv_thread_join")
  }

  fileprivate static func run(_ start: UnsafeMutableRawPointer) {
    let start = Unmanaged<Start>.fromOpaque(start).takeRetainedValue()
    UVError.mustSucceed(cuv_name_thread(start.name), "prctl(PR_SET_NAME)")
    start.body()
  }

  /// Cores that this process may use.
  public static var availableCores: Int { max(1, Int(uv_available_parallelism())) }
}

private func runThread(_ start: UnsafeMutableRawPointer?) { if let start { LoopThread.run(start) } }

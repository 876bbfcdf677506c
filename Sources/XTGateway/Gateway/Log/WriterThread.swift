#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The thread of a `LogWriter`. It ends when the writer is closed; nobody joins it, since what it writes to may block for ever.
enum WriterThread {
  private final class Start: Sendable {
    let writer: LogWriter
    let output: LogOutput
    init(_ writer: LogWriter, _ output: LogOutput) { (self.writer, self.output) = (writer, output) }
  }

  static func start(_ writer: LogWriter, _ output: LogOutput) throws(LogFileError) {
    let start = Unmanaged.passRetained(Start(writer, output))
    // Signals are for the loops. A thread inherits its mask, so none can slip in before it is set.
    var (all, before) = (sigset_t(), sigset_t())
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    var thread = pthread_t()
    let code = pthread_create(&thread, nil, runWriter, start.toOpaque())
    guard code == 0 else {
      start.release()
      throw LogFileError(path: "its writer's thread", reason: String(cString: strerror(code)))
    }
    pthread_detach(thread)
  }

  fileprivate static func run(_ start: UnsafeMutableRawPointer) {
    let start = Unmanaged<Start>.fromOpaque(start).takeRetainedValue()
    start.writer.run(start.output)
  }
}

private func runWriter(_ start: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  if let start { WriterThread.run(start) }
  return nil
}

/// POSIX's unnamed semaphore.
final class Semaphore: Sendable {
  /// Its functions may be called from every thread.
  private nonisolated(unsafe) let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

  init() { precondition(sem_init(semaphore, 0, 0) == 0, "sem_init") }

  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }

  func signal() { sem_post(semaphore) }

  func wait() {
    while sem_wait(semaphore) != 0 && errno == EINTR {}
  }
}

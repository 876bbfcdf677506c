import EventLoop

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The thread of a `LogWriter`. It ends when the writer is closed; nobody joins it, since what it writes to may block for ever.
///
/// It has descriptors of its own, where the kernel lets it: while threads share them, the kernel counts who uses one in every system call
/// of the loop (28 ns of the 270 that a receive takes which finds nothing). So the thread itself opens what it writes to.
enum WriterThread {
  typealias Made = (writer: LogWriter, style: LogStyle)

  private final class Start: Sendable {
    let path: String
    let make: @Sendable (LogOutput) -> Made
    let made = Locked<Result<Made, LogFileError>?>(nil)
    let isDone = Semaphore()
    init(_ path: String, _ make: @escaping @Sendable (LogOutput) -> Made) { (self.path, self.make) = (path, make) }
  }

  /// Opens the log, and waits for that. What `make` makes of it is made on the new thread.
  static func start(path: String, _ make: @escaping @Sendable (LogOutput) -> Made) throws(LogFileError) -> Made {
    let start = Start(path, make)
    let retained = Unmanaged.passRetained(start)
    // Signals are for the loops. A thread inherits its mask, so none can slip in before it is set.
    var (all, before) = (sigset_t(), sigset_t())
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    var thread = pthread_t()
    let code = pthread_create(&thread, nil, runWriter, retained.toOpaque())
    guard code == 0 else {
      retained.release()
      throw LogFileError(path: "its writer's thread", reason: String(cString: strerror(code)))
    }
    pthread_detach(thread)
    start.isDone.wait()
    guard let made = start.made.withLock({ $0 }) else { preconditionFailure("neither a writer nor an error") }
    return try made.get()
  }

  fileprivate static func run(_ start: UnsafeMutableRawPointer) {
    DescriptorTable.leave()
    let start = Unmanaged<Start>.fromOpaque(start).takeRetainedValue()
    let output: LogOutput
    do throws(LogFileError) { output = try LogOutput(path: start.path) } catch {
      start.made.withLock { $0 = .failure(error) }
      return start.isDone.signal()
    }
    let made = start.make(output)
    start.made.withLock { $0 = .success(made) }
    start.isDone.signal()
    made.writer.run(output)
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

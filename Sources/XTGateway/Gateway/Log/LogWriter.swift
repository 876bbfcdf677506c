import EventLoop
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Writes lines with a thread of its own, so that nobody who logs ever waits for a terminal, a pipe or a disk.
///
/// Lines wait in a buffer of bounded size; those that find no room are dropped, counted, and reported once there is room again.
/// The thread sleeps while there is nothing to do. After a batch it naps for a moment, and lines that come meanwhile gather without waking it:
/// a busy log costs those who write to it a lock and a copy.
final class LogWriter: Sendable {
  /// What the writer has to say itself.
  enum Notice: Sendable {
    case dropped(lines: Int)
    case reopened(path: String)
    case cannotReopen(LogFileError)
    /// Lines go to standard error.
    case nothingToReopen
  }

  /// Bytes that may wait, those that are being written included.
  static let capacity = 1 << 20
  /// What is kept of a batch's memory when it is written.
  private static let keptCapacity = 65_536
  private static let napMicroseconds: UInt32 = 5000

  private struct State: Sendable {
    var pending: [UInt8] = []
    /// Bytes of the batch that is being written.
    var writing = 0
    var dropped = 0
    /// The thread sleeps, or is about to: whoever brings work wakes it.
    var sleeps = false
    var reopens = false
    var ends = false

    mutating func wakeUp() -> Bool {
      defer { sleeps = false }
      return sleeps
    }
  }

  /// What there is to do.
  private struct Turn {
    var dropped: Int
    var reopens: Bool
    var ends: Bool
    var sleeps: Bool
  }

  private let state = Locked(State())
  private let lost = Atomic(0)
  private let hasEnded = Atomic(false)
  private let wake = Semaphore()
  private let words: @Sendable (Notice) -> [UInt8]

  /// Lines that will never be written.
  var lostLines: Int { lost.load(ordering: .relaxed) }

  /// - Parameter words: a notice as a line, its end included.
  init(words: @escaping @Sendable (Notice) -> [UInt8]) { self.words = words }

  // MARK: Any thread

  func append(_ line: UnsafeRawBufferPointer) {
    let wasAsleep = state.withLock { state in
      guard state.pending.count + state.writing + line.count <= Self.capacity else {
        state.dropped += 1
        lost.add(1, ordering: .relaxed)
        return false
      }
      state.pending.append(contentsOf: line)
      return state.wakeUp()
    }
    if wasAsleep { wake.signal() }
  }

  /// Opens the file again, behind everything that was appended so far.
  func reopen() { tell { $0.reopens = true } }

  /// Has everything written and ends the thread; waits for that, but no longer than about `milliseconds`.
  func close(within milliseconds: Int) {
    tell { $0.ends = true }
    for _ in 0..<milliseconds where !hasEnded.load(ordering: .acquiring) { usleep(1000) }
  }

  private func tell(_ change: (inout State) -> Void) {
    let wasAsleep = state.withLock { state in
      change(&state)
      return state.wakeUp()
    }
    if wasAsleep { wake.signal() }
  }

  // MARK: The writer's thread

  func run(_ output: LogOutput) {
    var output = output
    defer { output.finish() }
    var batch: [UInt8] = []
    var unreported = 0
    while true {
      let turn = take(&batch)
      unreported += turn.dropped
      write(batch, to: &output, &unreported)
      if turn.reopens { write(words(output.reopen()), to: &output, &unreported) }
      if turn.sleeps {
        wake.wait()
      } else if turn.ends && batch.isEmpty && !turn.reopens {
        break
      } else {
        usleep(Self.napMicroseconds)
      }
    }
    hasEnded.store(true, ordering: .releasing)
  }

  /// Exchanges the written batch for what has gathered meanwhile.
  private func take(_ batch: inout [UInt8]) -> Turn {
    if batch.capacity > Self.keptCapacity { batch = [] } else { batch.removeAll(keepingCapacity: true) }
    return state.withLock { state in
      swap(&state.pending, &batch)
      state.writing = batch.count
      let turn = Turn(
        dropped: state.dropped, reopens: state.reopens, ends: state.ends,
        sleeps: batch.isEmpty && state.dropped == 0 && !state.reopens && !state.ends)
      (state.dropped, state.reopens, state.sleeps) = (0, false, turn.sleeps)
      return turn
    }
  }

  /// Writes lines, and behind them how many are missing.
  private func write(_ lines: [UInt8], to output: inout LogOutput, _ unreported: inout Int) {
    let missing = output.put(lines) { count in state.withLock { $0.writing -= count } }
    unreported += missing
    lost.add(missing, ordering: .relaxed)
    guard missing == 0, unreported > 0 else { return }
    if output.put(words(.dropped(lines: unreported))) == 0 { unreported = 0 }
  }
}

import Logging
import Synchronization
import Wire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Where log lines go: one line each, as text for people or as JSON for machines. For every thread; writing never waits.
public final class LogSink: Sendable {
  private let leastLevel: Atomic<Int>
  private let writer: LogWriter
  let style: LogStyle

  /// Lines that were not written: there was no room for them, or the destination took none.
  public var droppedLines: Int { writer.lostLines }

  /// Least level that is written. Changing it takes effect at once, on every thread; so does `format`.
  public var level: Configuration.LogLevel {
    get { Configuration.LogLevel.allCases[leastLevel.load(ordering: .relaxed)] }
    set { leastLevel.store(newValue.rank, ordering: .relaxed) }
  }

  public var format: Configuration.LogFormat {
    get { style.format }
    set { style.format = newValue }
  }

  func writes(_ level: Logger.Level) -> Bool { level.rank >= leastLevel.load(ordering: .relaxed) }

  /// - Throws: where the file cannot be opened.
  public init(_ configuration: Configuration.Log) throws(LogFileError) {
    (writer, style) = try WriterThread.start(path: configuration.file) { output in
      let style = LogStyle(configuration.format, isColoured: output.isTerminal && Self.terminalTakesColours)
      return (LogWriter { notice in Self.line(notice, style) }, style)
    }
    leastLevel = Atomic(configuration.level.rank)
  }

  deinit { writer.close(within: 0) }

  /// Has everything written, and takes no more; waits for that, but no longer than about `milliseconds`.
  public func close(within milliseconds: Int) { writer.close(within: milliseconds) }

  /// Opens the log file again, which a rotation has moved away. The log itself says what came of it.
  public func reopen() { writer.reopen() }

  public func write(_ level: Logger.Level, _ message: String) {
    guard writes(level) else { return }
    let buffer = ByteBuffer(capacity: 256)
    var line = LogLine(level, style, to: buffer)
    line.message(message)
    line.end()
    write(buffer)
  }

  /// A line that was made with `LogLine`.
  func write(_ line: ByteBuffer) { writer.append(line.bytes) }

  /// https://no-color.org: any value but an empty one says no.
  private static var terminalTakesColours: Bool {
    let says = { (name: String) in getenv(name).map { String(cString: $0) } ?? "" }
    return says("NO_COLOR").isEmpty && says("TERM") != "dumb"
  }

  private static func line(_ notice: LogWriter.Notice, _ style: LogStyle) -> [UInt8] {
    let (level, message): (Logger.Level, String) =
      switch notice {
      case .dropped(let lines):
        (.warning, lines == 1 ? "1 log line was dropped" : "\(lines) log lines were dropped")
      case .reopened(let path): (.notice, "the log file \(path) was opened again")
      case .cannotReopen(let error):
        (.error, "the log file \(error.path) cannot be opened again (\(error.reason)); the old one stays in use")
      case .nothingToReopen: (.notice, "there is no log file to open again: log.file is not set")
      }
    let buffer = ByteBuffer(capacity: 256)
    var line = LogLine(level, style, to: buffer)
    line.message(message)
    line.end()
    return Array(buffer.bytes)
  }
}

extension Configuration.LogLevel {
  fileprivate var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

extension Logger.Level {
  /// As `Configuration.LogLevel`'s: both have the same cases in the same order.
  fileprivate var rank: Int {
    switch self {
    case .trace: 0
    case .debug: 1
    case .info: 2
    case .notice: 3
    case .warning: 4
    case .error: 5
    case .critical: 6
    }
  }
}

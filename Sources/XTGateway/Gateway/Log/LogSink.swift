import Logging
import Synchronization
import Wire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A value of a log field.
package enum LogValue: Sendable {
  case text(String)
  case int(Int)
  case bool(Bool)
}

package typealias LogField = (name: StaticString, value: LogValue?)

/// Where log lines go: one line each, as text for people or as JSON for machines, written whole.
package final class LogSink: Sendable {
  private let fileDescriptor: Int32
  private let format: Configuration.LogFormat
  private let isColoured: Bool
  private let leastLevel: Atomic<Int>
  private let dropped = Atomic(0)

  /// Lines that could not be written: a log has nowhere else to say so.
  package var droppedLines: Int { dropped.load(ordering: .relaxed) }

  /// Least level that is written. Changing it takes effect at once, on every thread.
  package var level: Configuration.LogLevel {
    get { Configuration.LogLevel.allCases[leastLevel.load(ordering: .relaxed)] }
    set { leastLevel.store(newValue.rank, ordering: .relaxed) }
  }

  func writes(_ level: Logger.Level) -> Bool { Configuration.LogLevel(level).rank >= leastLevel.load(ordering: .relaxed) }

  /// - Throws: errno's words where the file cannot be opened.
  package init(_ configuration: Configuration.Log) throws(LogFileError) {
    format = configuration.format
    leastLevel = Atomic(configuration.level.rank)
    if configuration.file.isEmpty {
      fileDescriptor = STDERR_FILENO
    } else {
      fileDescriptor = open(configuration.file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
      guard fileDescriptor >= 0 else { throw LogFileError(path: configuration.file, reason: String(cString: strerror(errno))) }
    }
    isColoured = format == .text && isatty(fileDescriptor) == 1
  }

  package func write(_ level: Logger.Level, _ message: String, _ fields: [LogField] = []) {
    guard writes(level) else { return }
    let line = ByteBuffer(capacity: 256)
    switch format {
    case .json: appendJSON(level, message, fields, to: line)
    case .text: appendText(level, message, fields, to: line)
    }
    line.append(UInt8(ascii: "\n"))
    if !Self.write(fileDescriptor, line.bytes) { dropped.add(1, ordering: .relaxed) }
  }

  private static func write(_ fileDescriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Bool {
    var rest = bytes
    while rest.count > 0 {
      #if canImport(Glibc)
        let count = Glibc.write(fileDescriptor, rest.baseAddress, rest.count)
      #else
        let count = Musl.write(fileDescriptor, rest.baseAddress, rest.count)
      #endif
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return false }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
    return true
  }

  private func appendJSON(_ level: Logger.Level, _ message: String, _ fields: [LogField], to line: ByteBuffer) {
    var writer = JSONWriter(line)
    writer.beginObject()
    writer.key("ts")
    writer.string(Timestamp.now)
    writer.key("level")
    writer.string(level.rawValue)
    writer.key("msg")
    writer.string(message)
    for (name, value) in fields {
      writer.key(name)
      switch value {
      case .text(let text): writer.string(text)
      case .int(let number): writer.int(number)
      case .bool(let yes): writer.bool(yes)
      case nil: writer.null()
      }
    }
    writer.endObject()
  }

  private func appendText(_ level: Logger.Level, _ message: String, _ fields: [LogField], to line: ByteBuffer) {
    line.append(Timestamp.now)
    line.append(isColoured ? " \(level.colour)" : " ")
    let word = level.rawValue
    line.append(word)
    for _ in word.utf8.count..<8 { line.append(UInt8(ascii: " ")) }
    line.append(isColoured ? "\u{1B}[0m " : " ")
    line.append(Self.oneLine(message))
    for (name, value) in fields {
      guard let value else { continue }
      line.append(UInt8(ascii: " "))
      line.append(name)
      line.append(UInt8(ascii: "="))
      switch value {
      case .text(let text): line.append(Self.word(text))
      case .int(let number): line.append(decimal: number)
      case .bool(let yes): line.append(yes ? "true" : "false")
      }
    }
  }

  /// No text from outside can begin a line of its own or steer a terminal.
  private static func oneLine(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    return String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? " " : $0 }))
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (scalar.value >= 0x7F && scalar.value < 0xA0) || scalar.value == 0x2028 || scalar.value == 0x2029
  }

  private static func word(_ text: String) -> String {
    let isPlain =
      !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=") }
    if isPlain { return text }
    let quoted = ByteBuffer()
    var writer = JSONWriter(quoted)
    writer.string(oneLine(text))
    return quoted.text
  }
}

extension Configuration.LogLevel {
  init(_ level: Logger.Level) { self = Configuration.LogLevel(rawValue: level.rawValue) ?? .info }

  fileprivate var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

package struct LogFileError: Error {
  package let path: String
  package let reason: String
}

extension Logger.Level {
  fileprivate var colour: String {
    switch self {
    case .trace, .debug: "\u{1B}[2m"
    case .info, .notice: "\u{1B}[32m"
    case .warning: "\u{1B}[33m"
    case .error, .critical: "\u{1B}[31m"
    }
  }
}

/// swift-log's way to the sink.
package struct SinkLogHandler: LogHandler {
  private let sink: LogSink
  package var metadata: Logger.Metadata = [:]
  /// The sink's, so that a change reaches every logger.
  package var logLevel: Logger.Level {
    get { Logger.Level(rawValue: sink.level.rawValue) ?? .info }
    set { sink.level = Configuration.LogLevel(newValue) }
  }

  package init(_ sink: LogSink) { self.sink = sink }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) { sink.write(event.level, "\(event.message)") }
}

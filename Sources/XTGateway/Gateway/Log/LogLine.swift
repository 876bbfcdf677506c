import Logging
import Wire

/// One line being put together in a buffer: as text for people, or as JSON for machines.
///
/// Whatever the values hold, it stays one line, and steers no terminal.
struct LogLine {
  private let buffer: ByteBuffer
  private let format: Configuration.LogFormat
  private let colours: LogColours
  private var json: JSONWriter

  /// Begins a line with time and level.
  init(_ level: Logger.Level, _ style: LogStyle, to buffer: ByteBuffer) {
    self.buffer = buffer
    format = style.format
    colours = LogColours(isOn: style.isColoured && format == .text)
    json = JSONWriter(buffer)
    switch format {
    case .json:
      json.beginObject()
      json.key("ts")
      json.string { Timestamp.append(to: $0) }
      json.key("level")
      json.string { $0.append(level.word) }
    case .text:
      buffer.append(colours.dim)
      Timestamp.append(to: buffer)
      buffer.append(colours.off)
      buffer.append(" ")
      buffer.append(level.colour(colours))
      buffer.append(level.word)
      buffer.append(colours.off)
      pad(level.word.utf8CodeUnitCount, to: 9)
    }
  }

  var isText: Bool { format == .text }

  mutating func message(_ text: String) {
    switch format {
    case .json:
      json.key("msg")
      json.string(text)
    case .text: appendOneLine(text)
    }
  }

  /// A field without a value is null in JSON, and left out of a text.
  mutating func add(_ name: StaticString, _ value: String?) {
    switch (format, value) {
    case (.json, let value?):
      json.key(name)
      json.string(value)
    case (.text, let value?):
      beginField(name)
      appendWord(value)
    case (_, nil): addNull(name)
    }
  }

  mutating func add(_ name: StaticString, _ value: Int?) {
    switch (format, value) {
    case (.json, let value?):
      json.key(name)
      json.int(value)
    case (.text, let value?):
      beginField(name)
      buffer.append(decimal: value)
    case (_, nil): addNull(name)
    }
  }

  mutating func add(_ name: StaticString, _ value: Bool?) {
    switch (format, value) {
    case (.json, let value?):
      json.key(name)
      json.bool(value)
    case (.text, let value?):
      beginField(name)
      buffer.append(value ? "true" : "false")
    case (_, nil): addNull(name)
    }
  }

  mutating func end() {
    if format == .json { json.endObject() }
    buffer.append(UInt8(ascii: "\n"))
  }

  private mutating func addNull(_ name: StaticString) {
    guard format == .json else { return }
    json.key(name)
    json.null()
  }

  private func beginField(_ name: StaticString) {
    buffer.append(" ")
    buffer.append(colours.dim)
    buffer.append(name)
    buffer.append("=")
    buffer.append(colours.off)
  }

  // MARK: Columns of a text

  /// `text` in a column, filled up with spaces to `width`.
  func column(_ text: String, _ width: Int) {
    buffer.append(" ")
    let start = buffer.count
    appendWord(text)
    pad(buffer.count - start, to: width)
  }

  /// `number` right-aligned in a column, coloured.
  func column(_ number: Int, _ width: Int, _ colour: ((LogColours) -> StaticString)? = nil) {
    buffer.append(" ")
    var digits = 1
    var rest = number / 10
    while rest > 0 { (digits, rest) = (digits + 1, rest / 10) }
    pad(digits, to: width)
    if let colour { buffer.append(colour(colours)) }
    buffer.append(decimal: number)
    if colour != nil { buffer.append(colours.off) }
  }

  func unit(_ name: StaticString) {
    buffer.append(" ")
    buffer.append(name)
  }

  private func pad(_ count: Int, to width: Int) {
    for _ in 0..<max(0, width - count) { buffer.append(UInt8(ascii: " ")) }
  }

  // MARK: Text from outside

  private func appendOneLine(_ text: String) {
    let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
    buffer.append(isPlain ? text : Self.oneLine(text))
  }

  private static func oneLine(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    return String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? " " : $0 }))
  }

  /// C0, DEL, C1, and what Unicode breaks lines at.
  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (scalar.value >= 0x7F && scalar.value < 0xA0) || scalar.value == 0x2028 || scalar.value == 0x2029
  }

  /// As it is where it cannot be taken for more than a word, else in quotes.
  private func appendWord(_ text: String) {
    let isWord =
      !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=") }
    if isWord { return buffer.append(text) }
    var writer = JSONWriter(buffer)
    writer.string(Self.oneLine(text))
  }
}

extension Logger.Level {
  var word: StaticString {
    switch self {
    case .trace: "trace"
    case .debug: "debug"
    case .info: "info"
    case .notice: "notice"
    case .warning: "warning"
    case .error: "error"
    case .critical: "critical"
    }
  }

  fileprivate func colour(_ colours: LogColours) -> StaticString {
    switch self {
    case .trace, .debug: colours.dim
    case .info: colours.green
    case .notice: colours.cyan
    case .warning: colours.yellow
    case .error: colours.red
    case .critical: colours.boldRed
    }
  }
}

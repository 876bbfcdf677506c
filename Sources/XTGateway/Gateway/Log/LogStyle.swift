import Synchronization

/// How lines look. Shared by everything that makes lines for one destination, on every thread.
final class LogStyle: Sendable {
  /// The destination takes colours.
  let isColoured: Bool
  private let json: Atomic<Bool>

  init(_ format: Configuration.LogFormat, isColoured: Bool) {
    self.isColoured = isColoured
    json = Atomic(format == .json)
  }

  /// Changing it takes effect with the next line.
  var format: Configuration.LogFormat {
    get { json.load(ordering: .relaxed) ? .json : .text }
    set { json.store(newValue == .json, ordering: .relaxed) }
  }
}

/// Escape sequences of terminals (ECMA-48, SGR); nothing where the destination is none.
struct LogColours {
  let isOn: Bool

  var dim: StaticString { isOn ? "\u{1B}[2m" : "" }
  var red: StaticString { isOn ? "\u{1B}[31m" : "" }
  var green: StaticString { isOn ? "\u{1B}[32m" : "" }
  var yellow: StaticString { isOn ? "\u{1B}[33m" : "" }
  var cyan: StaticString { isOn ? "\u{1B}[36m" : "" }
  var boldRed: StaticString { isOn ? "\u{1B}[1;31m" : "" }
  var off: StaticString { isOn ? "\u{1B}[0m" : "" }
}

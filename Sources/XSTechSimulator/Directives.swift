/// What a message asks of the simulator. Only the last line that holds a directive counts: where a client writes a whole
/// history out, the earlier turns' directives stand in front of it.
struct Directives {
  enum Command: Equatable {
    case memory, recall, think, images
    case echo(String)
    case say(count: Int, bytes: Int)
  }

  var command: Command?
  var faults = Faults()
  /// Milliseconds between pieces, in place of the configured pace.
  var pace: Int?
  /// Pieces in one write where there is no pace.
  var batch = 16
  /// What could not be understood.
  var mistake: String?

  static let sayLimit = 999_999
  /// A session remembers its answers, so they cannot be of any length.
  static let sayTotalBytes = 64 << 20
  static let sayBytes = 64...65536
  private static let names = ["memory", "recall", "think", "images", "echo", "say", "fault", "pace", "batch"]

  init(_ text: String) {
    let bytes = Array(text.utf8)
    var at = bytes.count
    // The last directive of all tells which line to read.
    repeat {
      guard let sign = bytes[..<at].lastIndex(of: UInt8(ascii: "@")) else { return }
      at = sign
    } while Self.name(in: bytes, at: at) == nil
    var position = bytes[..<at].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    while position < bytes.count, bytes[position] != UInt8(ascii: "\n") {
      guard bytes[position] == UInt8(ascii: "@"), let name = Self.name(in: bytes, at: position) else {
        position += 1
        continue
      }
      position += 1 + name.utf8.count
      read(name, bytes, &position)
    }
  }

  private mutating func read(_ name: String, _ bytes: [UInt8], _ position: inout Int) {
    switch name {
    case "memory": command = .memory
    case "recall": command = .recall
    case "think": command = .think
    case "images": command = .images
    case "echo":
      let start = position < bytes.count && bytes[position] == UInt8(ascii: " ") ? position + 1 : position
      command = .echo(String(decoding: bytes[start...], as: UTF8.self))
      position = bytes.count
    case "say":
      let count = number(Self.word(bytes, &position))
      let before = position
      let size = number(Self.word(bytes, &position))
      if size == nil { position = before }
      guard let count, count <= Self.sayLimit, size.map({ Self.sayBytes.contains($0) }) ?? true,
        count * (size ?? Self.sayBytes.lowerBound) <= Self.sayTotalBytes
      else {
        mistake = "@say COUNT [BYTES]: up to \(Self.sayLimit) pieces of \(Self.sayBytes) bytes, \(Self.sayTotalBytes) in all"
        return
      }
      command = .say(count: count, bytes: size ?? Self.sayBytes.lowerBound)
    case "pace":
      pace = number(Self.word(bytes, &position))
      if pace == nil { mistake = "@pace MILLISECONDS" }
    case "batch":
      batch = number(Self.word(bytes, &position)) ?? 0
      if !(1...1024).contains(batch) { mistake = "@batch COUNT: 1 to 1024" }
    default:
      do {
        faults.merge(try Faults(parsing: Self.word(bytes, &position)))
      } catch { mistake = "unknown fault: \(error.text)" }
    }
  }

  /// The directive whose `@` stands at `sign`; an address such as `user@say.com` holds none.
  private static func name(in bytes: [UInt8], at sign: Int) -> String? {
    if sign > 0, isWord(bytes[sign - 1]) { return nil }
    let word = bytes[(sign + 1)...].prefix { isWord($0) }
    return names.first { $0.utf8.elementsEqual(word) }
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
      true
    default: false
    }
  }

  /// The next word of the line, up to white space.
  private static func word(_ bytes: [UInt8], _ position: inout Int) -> String {
    while position < bytes.count, bytes[position] == UInt8(ascii: " ") { position += 1 }
    let word = bytes[position...].prefix { $0 > UInt8(ascii: " ") }
    position = word.endIndex
    return String(decoding: word, as: UTF8.self)
  }
}

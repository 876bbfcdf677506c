/// Why a text is not JSON (RFC 8259), and where.
public struct JSONError: Error, Equatable, CustomStringConvertible {
  /// In words, fit for an error message: "expected ',' or '}'".
  public let reason: String
  /// Byte offset of the first wrong byte.
  public let offset: Int
  public init(reason: String, offset: Int) { (self.reason, self.offset) = (reason, offset) }
  public var description: String { "\(reason) at byte \(offset)" }
}

/// An index over a JSON text that it does not own: structure, depth, numbers, escapes and UTF-8 are checked once, strictly;
/// afterwards values are views. Valid only as long as the bytes are.
public struct JSONDocument {
  private let text: UnsafeRawPointer
  private let nodes: ContiguousArray<JSONNode>

  /// - Parameters:
  ///   - bytes: the whole text, less than 1 GiB, white space around the value allowed.
  ///   - maxDepth: how many arrays and objects may be open at once.
  ///   - maxValues: how many values there may be, members' names included. Each takes 16 bytes here and perhaps only two in the text.
  public init(parsing bytes: UnsafeRawBufferPointer, maxDepth: Int = 64, maxValues: Int = .max) throws(JSONError) {
    guard let text = bytes.baseAddress, bytes.count > 0 else { throw JSONError(reason: "the text is empty", offset: 0) }
    guard bytes.count < 1 << 30 else { throw JSONError(reason: "the text is longer than 1 GiB", offset: 1 << 30) }
    // Most texts are short: their nodes are gathered on the stack and take memory only once their number is known.
    typealias Outcome = Result<ContiguousArray<JSONNode>, JSONError>
    let parsed = withUnsafeTemporaryAllocation(of: JSONNode.self, capacity: 64) { memory -> Outcome in
      var parser = JSONParser(text, bytes.count, maxDepth: maxDepth, maxValues: maxValues, memory)
      do throws(JSONError) { try parser.parse() } catch { return .failure(error) }
      return .success(parser.nodes)
    }
    self.text = text
    nodes = try parsed.get()
  }

  public var root: JSONValue { JSONValue(text: text, nodes: nodes, index: 0) }
}

/// One value of the index. An object's node is followed by its members' nodes, key and value in turn; an array's by its elements'.
struct JSONNode {
  enum Code: UInt32 { case object, array, string, escapedString, number, `true`, `false`, null }

  /// Offsets of the value's first byte and of the one behind its last.
  var start: UInt32
  var end: UInt32
  /// Index of the first node behind this one's subtree. While a container is open: 1 + the index of the one around it, 0 for none.
  var next: UInt32
  /// The code in the low three bits, the number of members or elements above: half a billion at most, as each takes two bytes.
  private var info: UInt32

  init(_ code: Code, start: Int, end: Int, next: Int) {
    self.start = UInt32(truncatingIfNeeded: start)
    self.end = UInt32(truncatingIfNeeded: end)
    self.next = UInt32(truncatingIfNeeded: next)
    info = code.rawValue
  }

  @inline(__always) var code: Code {
    // Numbered as they are declared, so that nothing has to be looked up.
    switch info & 7 {
    case 0: .object
    case 1: .array
    case 2: .string
    case 3: .escapedString
    case 4: .number
    case 5: .true
    case 6: .false
    default: .null
    }
  }
  var count: Int { Int(info >> 3) }

  /// Sets what an open container's node does not say yet.
  mutating func setCount(_ count: Int) { info = info & 7 | UInt32(truncatingIfNeeded: count) << 3 }
}

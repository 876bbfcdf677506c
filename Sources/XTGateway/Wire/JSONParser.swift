/// Checks a JSON text in one pass and builds the index over it. Open containers are chained through their own nodes, so that
/// nesting costs neither recursion nor a stack.
struct JSONParser {
  private let bytes: UnsafeRawBufferPointer
  private let maxDepth: Int
  private let maxValues: Int
  private(set) var nodes = ContiguousArray<JSONNode>()
  private var index = 0
  private var depth = 0
  /// Index of the innermost open container's node; -1 outside of all.
  private var container = -1
  private var isInObject = false
  /// Members or elements of the innermost open container so far; its node learns of them when another opens or it closes.
  private var count = 0
  /// A member's name has to come next.
  private var isKeyDue = false

  init(_ bytes: UnsafeRawBufferPointer, maxDepth: Int, maxValues: Int) {
    self.bytes = bytes
    self.maxDepth = maxDepth
    self.maxValues = maxValues
    nodes.reserveCapacity(min(max(bytes.count / 8, 4), 64))
  }

  mutating func parse() throws(JSONError) {
    skipSpace()
    if bytes[0] == 0xEF && bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
      throw JSONError(reason: "a byte order mark is not allowed", offset: 0)
    }
    while true {
      if isKeyDue { try key() }
      if try value() { continue }
      guard nodes.count <= maxValues else { throw JSONError(reason: "more than \(maxValues) values", offset: index) }
      skipSpace()
      while container >= 0, !take(UInt8(ascii: ",")) {
        guard take(isInObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
          throw expected(isInObject ? "',' or '}'" : "',' or ']'")
        }
        close()
        skipSpace()
      }
      guard container >= 0 else {
        guard index == bytes.count else { throw JSONError(reason: "something stands behind the value", offset: index) }
        return
      }
      count += 1
      skipSpace()
      isKeyDue = isInObject
    }
  }

  /// Reads a scalar or an empty container whole; of any other container the beginning, up to its first value.
  /// - Returns: true if that value is due next.
  @inline(__always) private mutating func value() throws(JSONError) -> Bool {
    isKeyDue = false
    guard index < bytes.count else { throw expected("a value") }
    switch bytes[index] {
    case UInt8(ascii: "\""): try string()
    case UInt8(ascii: "{"): return try open(.object)
    case UInt8(ascii: "["): return try open(.array)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      let end = JSONNumber.end(of: bytes, from: index)
      if end < 0 { throw JSONNumber.error(of: bytes, at: ~end) }
      append(.number, to: end)
    case UInt8(ascii: "t"): try word("true", .true)
    case UInt8(ascii: "f"): try word("false", .false)
    case UInt8(ascii: "n"): try word("null", .null)
    default: throw expected("a value")
    }
    return false
  }

  private mutating func open(_ code: JSONNode.Code) throws(JSONError) -> Bool {
    guard depth < maxDepth else { throw JSONError(reason: "nested deeper than \(maxDepth) levels", offset: index) }
    depth += 1
    if container >= 0 { nodes[container].setCount(count) }
    nodes.append(JSONNode(code, start: index, end: index, next: container + 1))
    container = nodes.count - 1
    isInObject = code == .object
    count = 0
    index += 1
    skipSpace()
    if take(isInObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
      close()
      return false
    }
    count = 1
    isKeyDue = isInObject
    return true
  }

  /// Ends the innermost container just before `index`.
  private mutating func close() {
    let outer = Int(nodes[container].next) - 1
    nodes[container].setCount(count)
    nodes[container].end = UInt32(truncatingIfNeeded: index)
    nodes[container].next = UInt32(truncatingIfNeeded: nodes.count)
    container = outer
    if outer >= 0 { (isInObject, count) = (nodes[outer].code == .object, nodes[outer].count) }
    depth -= 1
  }

  /// A member's name and colon, up to its value.
  @inline(__always) private mutating func key() throws(JSONError) {
    guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { throw expected("a member's name in quotes") }
    try string()
    skipSpace()
    guard take(UInt8(ascii: ":")) else { throw expected("':'") }
    skipSpace()
  }

  @inline(__always) private mutating func string() throws(JSONError) {
    guard let base = bytes.baseAddress else { return }
    // Names and most texts are short, and plain up to their quote.
    var end = index &+ 1
    while end &+ 8 <= bytes.count {
      let found = ByteScan.special(ByteScan.word(base, end))
      guard found != 0 else {
        end &+= 8
        if end &- index < 32 { continue } else { break }
      }
      end &+= found.trailingZeroBitCount >> 3
      if base.load(fromByteOffset: end, as: UInt8.self) == UInt8(ascii: "\"") { return append(.string, to: end + 1) }
      break
    }
    try string(plainTo: end)
  }

  /// Any string, of which everything in front of `end` was seen to be plain.
  private mutating func string(plainTo end: Int) throws(JSONError) {
    guard let (quote, hasEscapes) = JSONString.end(of: bytes, from: end) else {
      throw JSONString.error(of: bytes, from: index + 1)
    }
    append(hasEscapes ? .escapedString : .string, to: quote + 1)
  }

  @inline(__always) private mutating func word(_ word: StaticString, _ code: JSONNode.Code) throws(JSONError) {
    guard UnsafeRawBufferPointer(rebasing: bytes[index...]).starts(withText: word) else { throw expected("a value") }
    append(code, to: index + word.utf8CodeUnitCount)
  }

  @inline(__always) private mutating func append(_ code: JSONNode.Code, to end: Int) {
    nodes.append(JSONNode(code, start: index, end: end, next: nodes.count + 1))
    index = end
  }

  @inline(__always) private mutating func take(_ byte: UInt8) -> Bool {
    guard index < bytes.count, bytes[index] == byte else { return false }
    index += 1
    return true
  }

  @inline(__always) private mutating func skipSpace() {
    while index < bytes.count {
      let byte = bytes[index]
      guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
      index += 1
    }
  }

  private func expected(_ what: String) -> JSONError {
    JSONError(reason: index < bytes.count ? "expected \(what)" : "the text ends where it needs \(what)", offset: index)
  }
}

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
      if try value() { continue }
      guard nodes.count <= maxValues else { throw JSONError(reason: "more than \(maxValues) values", offset: index) }
      // A value is complete: close what ends here, up to the next value.
      while true {
        skipSpace()
        guard container >= 0 else {
          guard index == bytes.count else { throw JSONError(reason: "something stands behind the value", offset: index) }
          return
        }
        let isObject = nodes[container].code == .object
        if take(UInt8(ascii: ",")) {
          nodes[container].countOneMore()
          skipSpace()
          if isObject { try key() }
          break
        }
        guard take(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
          throw expected(isObject ? "',' or '}'" : "',' or ']'")
        }
        close()
      }
    }
  }

  /// Reads a scalar or an empty container whole; of any other container the beginning, up to its first value.
  /// - Returns: true if that value is due next.
  private mutating func value() throws(JSONError) -> Bool {
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
    nodes.append(JSONNode(code, start: index, end: index, next: container + 1))
    container = nodes.count - 1
    index += 1
    skipSpace()
    if take(code == .object ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
      close()
      return false
    }
    nodes[container].countOneMore()
    if code == .object { try key() }
    return true
  }

  /// Ends the innermost container just before `index`.
  private mutating func close() {
    let outer = Int(nodes[container].next) - 1
    nodes[container].end = UInt32(truncatingIfNeeded: index)
    nodes[container].next = UInt32(truncatingIfNeeded: nodes.count)
    container = outer
    depth -= 1
  }

  /// A member's name and colon, up to its value.
  private mutating func key() throws(JSONError) {
    guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { throw expected("a member's name in quotes") }
    try string()
    skipSpace()
    guard take(UInt8(ascii: ":")) else { throw expected("':'") }
    skipSpace()
  }

  private mutating func string() throws(JSONError) {
    guard let (quote, hasEscapes) = JSONString.end(of: bytes, from: index + 1) else {
      throw JSONString.error(of: bytes, from: index + 1)
    }
    append(hasEscapes ? .escapedString : .string, to: quote + 1)
  }

  private mutating func word(_ word: StaticString, _ code: JSONNode.Code) throws(JSONError) {
    let end = index + word.utf8CodeUnitCount
    guard end <= bytes.count, word.withUTF8Buffer({ $0.elementsEqual(bytes[index..<end]) }) else { throw expected("a value") }
    append(code, to: end)
  }

  private mutating func append(_ code: JSONNode.Code, to end: Int) {
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

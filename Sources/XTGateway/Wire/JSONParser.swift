#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Checks a JSON text in one pass and builds the index over it. Open containers are chained through their own nodes, so that
/// nesting costs neither recursion nor a stack.
struct JSONParser: ~Copyable {
  private let base: UnsafeRawPointer
  private let end: Int
  private let maxDepth: Int
  private let maxValues: Int
  private var index = 0
  private var memory: UnsafeMutablePointer<JSONNode>
  private var capacity: Int
  private var nodeCount = 0
  /// Whether `memory` is its own, not the caller's.
  private var ownsMemory = false
  private var depth = 0
  /// Index of the innermost open container's node; -1 outside of all.
  private var container = -1
  private var isInObject = false
  /// Members or elements of the innermost open container so far; its node learns of them when another opens or it closes.
  private var count = 0
  /// A member's name has to come next.
  private var isKeyDue = false

  /// - Parameters:
  ///   - count: at least one.
  ///   - memory: for the first nodes; belongs to the parser as long as that lives. At least one.
  init(_ base: UnsafeRawPointer, _ count: Int, maxDepth: Int, maxValues: Int, _ memory: UnsafeMutableBufferPointer<JSONNode>) {
    precondition(count > 0 && memory.count > 0)
    (self.base, end) = (base, count)
    (self.maxDepth, self.maxValues) = (maxDepth, maxValues)
    (self.memory, capacity) = (memory.baseAddress!, memory.count)
  }

  deinit { if ownsMemory { free(memory) } }

  var nodes: ContiguousArray<JSONNode> {
    ContiguousArray(UnsafeBufferPointer(start: memory, count: nodeCount))
  }

  mutating func parse() throws(JSONError) {
    skipSpace()
    if index == 0, byte() == 0xEF, UnsafeRawBufferPointer(start: base, count: end).starts(with: [0xEF, 0xBB, 0xBF]) {
      throw JSONError(reason: "a byte order mark is not allowed", offset: 0)
    }
    while true {
      if isKeyDue { try key() }
      if try value() { continue }
      guard nodeCount <= maxValues else { throw JSONError(reason: "more than \(maxValues) values", offset: index) }
      skipSpace()
      while container >= 0, !take(UInt8(ascii: ",")) {
        guard take(isInObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
          throw expected(isInObject ? "',' or '}'" : "',' or ']'")
        }
        close()
        skipSpace()
      }
      guard container >= 0 else {
        guard index == end else { throw JSONError(reason: "something stands behind the value", offset: index) }
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
    guard index < end else { throw expected("a value") }
    switch byte() {
    case UInt8(ascii: "\""): try string()
    case UInt8(ascii: "{"): return try open(.object)
    case UInt8(ascii: "["): return try open(.array)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      let bytes = UnsafeRawBufferPointer(start: base, count: end)
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
    if container >= 0 { memory[container].setCount(count) }
    add(JSONNode(code, start: index, end: index, next: container + 1))
    container = nodeCount - 1
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
    let outer = Int(memory[container].next) - 1
    memory[container].setCount(count)
    memory[container].end = UInt32(truncatingIfNeeded: index)
    memory[container].next = UInt32(truncatingIfNeeded: nodeCount)
    container = outer
    if outer >= 0 { (isInObject, count) = (memory[outer].code == .object, memory[outer].count) }
    depth -= 1
  }

  /// A member's name and colon, up to its value.
  @inline(__always) private mutating func key() throws(JSONError) {
    guard index < end, byte() == UInt8(ascii: "\"") else { throw expected("a member's name in quotes") }
    try string()
    skipSpace()
    guard take(UInt8(ascii: ":")) else { throw expected("':'") }
    skipSpace()
  }

  @inline(__always) private mutating func string() throws(JSONError) {
    // Names and most texts are short, and plain up to their quote.
    let start = index
    var position = start &+ 1
    while position &+ 8 <= end {
      let found = ByteScan.special(ByteScan.word(base, position))
      guard found != 0 else {
        position &+= 8
        if position &- start < 32 { continue } else { break }
      }
      position &+= found.trailingZeroBitCount >> 3
      if base.load(fromByteOffset: position, as: UInt8.self) == UInt8(ascii: "\"") { return append(.string, to: position &+ 1) }
      break
    }
    try string(plainTo: position)
  }

  /// Any string, of which everything in front of `position` was seen to be plain.
  private mutating func string(plainTo position: Int) throws(JSONError) {
    let bytes = UnsafeRawBufferPointer(start: base, count: end)
    guard let (quote, hasEscapes) = JSONString.end(of: bytes, from: position) else {
      throw JSONString.error(of: bytes, from: index + 1)
    }
    append(hasEscapes ? .escapedString : .string, to: quote + 1)
  }

  private mutating func word(_ word: StaticString, _ code: JSONNode.Code) throws(JSONError) {
    guard UnsafeRawBufferPointer(start: base + index, count: end - index).starts(withText: word) else { throw expected("a value") }
    append(code, to: index + word.utf8CodeUnitCount)
  }

  private func expected(_ what: String) -> JSONError {
    JSONError(reason: index < end ? "expected \(what)" : "the text ends where it needs \(what)", offset: index)
  }
}

// MARK: - Bytes and nodes
extension JSONParser {
  /// The next one; there has to be one.
  @inline(__always) private func byte() -> UInt8 { base.load(fromByteOffset: index, as: UInt8.self) }

  @inline(__always) private mutating func append(_ code: JSONNode.Code, to end: Int) {
    add(JSONNode(code, start: index, end: end, next: nodeCount &+ 1))
    index = end
  }

  @inline(__always) private mutating func add(_ node: JSONNode) {
    if nodeCount == capacity { grow() }
    (memory + nodeCount).initialize(to: node)
    nodeCount &+= 1
  }

  private mutating func grow() {
    let old = ownsMemory ? memory : nil
    guard let new = realloc(old, capacity * 2 * MemoryLayout<JSONNode>.stride) else { fatalError("out of memory: a JSON index") }
    let nodes = new.bindMemory(to: JSONNode.self, capacity: capacity * 2)
    if !ownsMemory { nodes.update(from: memory, count: nodeCount) }
    (memory, ownsMemory) = (nodes, true)
    capacity *= 2
  }

  @inline(__always) private mutating func take(_ expected: UInt8) -> Bool {
    guard index < end, byte() == expected else { return false }
    index &+= 1
    return true
  }

  @inline(__always) private mutating func skipSpace() {
    while index < end {
      let byte = byte()
      guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
      index &+= 1
    }
  }
}

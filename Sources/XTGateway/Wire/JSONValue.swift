#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A view of one value in a `JSONDocument`. It keeps the index alive, not the text.
public struct JSONValue {
  public enum Kind: UInt8, Sendable { case object, array, string, number, `true`, `false`, null }

  let text: UnsafeRawPointer
  let nodes: ContiguousArray<JSONNode>
  private(set) var index: Int

  private var node: JSONNode { nodes[index] }

  @inline(__always) public var kind: Kind {
    switch node.code {
    case .object: .object
    case .array: .array
    case .string, .escapedString: .string
    case .number: .number
    case .true: .true
    case .false: .false
    case .null: .null
    }
  }

  /// The token as it stands in the text; a string with its quotes.
  public var raw: UnsafeRawBufferPointer {
    let node = node
    return UnsafeRawBufferPointer(start: text + Int(node.start), count: Int(node.end) - Int(node.start))
  }

  /// Number of members or elements; 0 for anything else.
  public var count: Int { node.count }

  /// The member called `name` (compared after decoding escapes); the last of several; nil where there is none or this is no object.
  public subscript(_ name: StaticString) -> JSONValue? {
    member(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
  }

  /// As the subscript, for a name that is only known when the program runs.
  public func member(named name: String) -> JSONValue? {
    var name = name
    return name.withUTF8 { member(UnsafeRawBufferPointer($0)) }
  }

  private func member(_ name: UnsafeRawBufferPointer) -> JSONValue? {
    guard node.code == .object else { return nil }
    var found = 0
    nodes.withUnsafeBufferPointer { nodes in
      var key = index + 1
      for _ in 0..<nodes[index].count {
        let node = nodes[key]
        let length = Int(node.end) - Int(node.start) - 2
        if length == name.count {
          let inside = UnsafeRawBufferPointer(start: text + Int(node.start) + 1, count: length)
          if node.code == .string && Self.isEqual(inside, name) { found = key + 1 }
        } else if length > name.count && node.code == .escapedString {
          // Every escape is longer than what it stands for.
          if at(key).isString(name) { found = key + 1 }
        }
        key = Int(nodes[key + 1].next)
      }
    }
    return found > 0 ? at(found) : nil
  }

  private static func isEqual(_ bytes: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count == other.count else { return false }
    guard let start = bytes.baseAddress, let otherStart = other.baseAddress, bytes.count > 0 else { return true }
    // Nearly all that differ do so in their first byte.
    return start.load(as: UInt8.self) == otherStart.load(as: UInt8.self) && memcmp(start, otherStart, bytes.count) == 0
  }

  /// Calls `body` with each of an object's members in order (with none of anything else): its decoded name, which is valid during the call,
  /// and its name and value as they stand.
  public func forEachMember(
    _ body: (_ name: UnsafeRawBufferPointer, _ key: UnsafeRawBufferPointer, _ value: JSONValue) -> Void
  ) {
    guard node.code == .object else { return }
    var (key, value) = (self, self)
    key.index += 1
    for _ in 0..<count {
      value.index = key.index + 1
      key.withText { body($0, key.raw, value) }
      key.index = Int(value.node.next)
    }
  }

  /// An object's members in order (empty for anything else).
  public var members: [(key: JSONValue, value: JSONValue)] {
    guard node.code == .object else { return [] }
    var key = index + 1
    return (0..<node.count).map { _ in
      defer { key = Int(nodes[key + 1].next) }
      return (at(key), at(key + 1))
    }
  }

  /// An array's elements in order (empty for anything else).
  public var elements: [JSONValue] {
    guard node.code == .array else { return [] }
    var element = index + 1
    return (0..<node.count).map { _ in
      defer { element = Int(nodes[element].next) }
      return at(element)
    }
  }

  private func at(_ index: Int) -> JSONValue { JSONValue(text: text, nodes: nodes, index: index) }
}

// MARK: - Scalars
extension JSONValue {
  /// A string's text, escapes decoded, a lone surrogate as U+FFFD; nil for anything else.
  public var string: String? {
    guard let inside else { return nil }
    if isPlainString { return String(decoding: inside, as: UTF8.self) }
    return String(unsafeUninitializedCapacity: inside.count) { JSONString.decode(inside, to: UnsafeMutableRawBufferPointer($0)) }
  }

  /// Appends a string's decoded UTF-8 to `buffer`; does nothing for anything else.
  public func appendDecoded(to buffer: ByteBuffer) {
    guard let inside else { return }
    if isPlainString { buffer.append(inside) } else { JSONString.decode(inside, into: buffer) }
  }

  /// True for a string that holds no escape, so that `raw` without its quotes is its text.
  public var isPlainString: Bool { node.code == .string }

  /// A string's literal without its quotes, escapes as they stand; nil for anything else.
  public var inside: UnsafeRawBufferPointer? {
    let node = node
    guard node.code == .string || node.code == .escapedString else { return nil }
    return UnsafeRawBufferPointer(start: text + Int(node.start) + 1, count: Int(node.end) - Int(node.start) - 2)
  }

  /// True for a string whose decoded text is `text`.
  public func isString(_ text: StaticString) -> Bool {
    isString(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  private func isString(_ text: UnsafeRawBufferPointer) -> Bool {
    guard let inside, inside.count >= text.count else { return false }
    if isPlainString { return Self.isEqual(inside, text) }
    var isEqual = false
    withText { isEqual = Self.isEqual($0, text) }
    return isEqual
  }

  /// Calls `body` with a string's decoded UTF-8, in place where it holds no escape.
  private func withText(_ body: (UnsafeRawBufferPointer) -> Void) {
    guard let inside else { return }
    if isPlainString { return body(inside) }
    let decoded = ByteBuffer()
    JSONString.decode(inside, into: decoded)
    body(decoded.bytes)
  }

  /// The nearest double; nil for a number beyond the range of doubles or anything else.
  public var double: Double? {
    guard kind == .number else { return nil }
    // Up to 15 digits every integer is a double.
    if raw.count <= 15, let whole = ASCII.decimal(raw) { return Double(whole) }
    return JSONNumber.double(raw)
  }

  /// The exact integer, also of `1.0` and `1e2`; nil for a fraction, an overflow or anything else.
  public var int: Int? {
    guard kind == .number else { return nil }
    return ASCII.decimal(raw) ?? JSONNumber.integer(raw)
  }

  public var bool: Bool? {
    switch node.code {
    case .true: true
    case .false: false
    case .object, .array, .string, .escapedString, .number, .null: nil
    }
  }
}

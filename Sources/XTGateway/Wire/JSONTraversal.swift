/// An array's elements in order, one at a time: a list of them would take memory.
public struct JSONElements: Sequence, IteratorProtocol {
  private let array: JSONValue
  private var position: Int
  private var left: Int

  fileprivate init(_ array: JSONValue) {
    self.array = array
    position = array.index + 1
    left = array.kind == .array ? array.count : 0
  }

  public mutating func next() -> JSONValue? {
    guard left > 0 else { return nil }
    left -= 1
    let element = JSONValue(text: array.text, nodes: array.nodes, index: position)
    position = Int(array.nodes[position].next)
    return element
  }
}

/// Tells of most names that an object has no member of that name, without a look at its members: a bit for every length and first byte.
public struct JSONNameFilter {
  private var bits: UInt64 = 0

  /// For an object whose members are looked for only once or twice.
  public static var passesAll: JSONNameFilter { JSONNameFilter(bits: .max) }

  private init(bits: UInt64) { self.bits = bits }

  fileprivate init(_ object: JSONValue) {
    guard object.kind == .object else { return }
    var key = object.index + 1
    for _ in 0..<object.count {
      let node = object.nodes[key]
      // What an escape stands for is not known before it is decoded.
      if node.code == .escapedString { bits = .max }
      let first = object.text.load(fromByteOffset: Int(node.start) + 1, as: UInt8.self)
      bits |= Self.bit(first, Int(node.end) - Int(node.start) - 2)
      key = Int(object.nodes[key + 1].next)
    }
  }

  /// False: there is none.
  @inline(__always) public func mayHold(_ name: StaticString) -> Bool {
    guard name.utf8CodeUnitCount > 0 else { return true }
    return bits & Self.bit(name.utf8Start[0], name.utf8CodeUnitCount) != 0
  }

  @inline(__always) private static func bit(_ first: UInt8, _ length: Int) -> UInt64 {
    1 << UInt64(truncatingIfNeeded: (Int(first) &* 5 &+ length) & 63)
  }
}

extension JSONValue {
  public var eachElement: JSONElements { JSONElements(self) }
  public var nameFilter: JSONNameFilter { JSONNameFilter(self) }
}

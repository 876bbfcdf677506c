/// First come, first served, at a constant cost each. A pure value.
public struct FIFOQueue<Element> {
  private var elements: [Element?] = []
  /// The first one's place; what stands before it was taken.
  private var first = 0

  /// More memory is not kept for the next ones.
  private static var keptCapacity: Int { 1024 }

  public init() {}

  public var isEmpty: Bool { first == elements.count }
  public var count: Int { elements.count - first }

  public mutating func append(_ element: Element) { elements.append(element) }

  public mutating func popFirst() -> Element? {
    guard !isEmpty else { return nil }
    let element = elements[first].take()
    first += 1
    if isEmpty {
      removeAll()
    } else if first >= 64, first >= count {
      elements.removeFirst(first)
      first = 0
    }
    return element
  }

  public mutating func removeAll() {
    elements.removeAll(keepingCapacity: elements.capacity <= Self.keptCapacity)
    first = 0
  }
}

/// Accounts by load, the least loaded first, ties to the one idle longest: a binary heap that knows where everybody stands, so that every
/// change takes O(log n).
struct LoadHeap: Sendable {
  /// in flight ÷ (capacity × weight), compared without dividing.
  struct Key: Sendable {
    var inFlight: Int
    var strength: Int
    var lastLeased: Int

    static func isLess(_ a: Key, _ b: Key) -> Bool {
      let (left, right) = (a.inFlight * b.strength, b.inFlight * a.strength)
      return left != right ? left < right : a.lastLeased < b.lastLeased
    }
  }

  private var heap: [(account: Int, key: Key)] = []
  /// Where each account stands in `heap`; -1: not in it.
  private var position: [Int] = []

  var isEmpty: Bool { heap.isEmpty }

  /// The least loaded account that is none of `excluded`.
  func first(excluding excluded: [Int]) -> Int? {
    guard let top = heap.first else { return nil }
    guard excluded.contains(top.account) else { return top.account }
    // Few are ever excluded: the best of the others is not far from the top. Only children of excluded ones are candidates.
    var candidates = [0]
    var best: Int?
    while let index = candidates.popLast() {
      guard index < heap.count else { continue }
      if excluded.contains(heap[index].account) {
        candidates += [2 * index + 1, 2 * index + 2]
      } else if best.map({ Key.isLess(heap[index].key, heap[$0].key) }) ?? true {
        best = index
      }
    }
    return best.map { heap[$0].account }
  }

  /// Puts an account in, or in its new place.
  mutating func update(_ account: Int, _ key: Key) {
    while position.count <= account { position.append(-1) }
    if position[account] < 0 {
      position[account] = heap.count
      heap.append((account, key))
    } else {
      heap[position[account]].key = key
    }
    siftDown(siftUp(position[account]))
  }

  mutating func remove(_ account: Int) {
    guard account < position.count, position[account] >= 0 else { return }
    let index = position[account]
    position[account] = -1
    let last = heap.removeLast()
    guard index < heap.count else { return }
    heap[index] = last
    position[last.account] = index
    siftDown(siftUp(index))
  }

  private mutating func siftUp(_ start: Int) -> Int {
    var index = start
    while index > 0, Key.isLess(heap[index].key, heap[(index - 1) / 2].key) {
      swap(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
    return index
  }

  private mutating func siftDown(_ start: Int) {
    var index = start
    while true {
      let (left, right) = (2 * index + 1, 2 * index + 2)
      var least = index
      if left < heap.count, Key.isLess(heap[left].key, heap[least].key) { least = left }
      if right < heap.count, Key.isLess(heap[right].key, heap[least].key) { least = right }
      guard least != index else { return }
      swap(index, least)
      index = least
    }
  }

  private mutating func swap(_ a: Int, _ b: Int) {
    heap.swapAt(a, b)
    position[heap[a].account] = a
    position[heap[b].account] = b
  }
}

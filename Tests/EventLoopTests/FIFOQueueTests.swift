import Testing

@testable import EventLoop

@Suite struct FIFOQueueTests {
  @Test func givesWhatAnArrayWouldGive() {
    var random = SystemRandomNumberGenerator()
    var queue = FIFOQueue<Int>()
    var reference: [Int] = []
    // It fills up in the first half and runs empty in the second.
    for number in 0..<2000 {
      if Int.random(in: 0..<10, using: &random) < (number < 1000 ? 7 : 3) {
        queue.append(number)
        reference.append(number)
      } else {
        #expect(queue.popFirst() == (reference.isEmpty ? nil : reference.removeFirst()))
      }
      #expect(queue.count == reference.count && queue.isEmpty == reference.isEmpty)
    }
    queue.removeAll()
    #expect(queue.isEmpty && queue.popFirst() == nil)
  }

  /// Also while it does not run empty.
  @Test func letsGoOfWhatWasTaken() {
    final class Element {}
    var queue = FIFOQueue<Element>()
    var alive: [() -> Element?] = []
    for _ in 0..<1000 {
      let element = Element()
      alive.append { [weak element] in element }
      queue.append(element)
      if queue.count > 10 { _ = queue.popFirst() }
    }
    #expect(alive.filter { $0() != nil }.count == queue.count)
  }
}

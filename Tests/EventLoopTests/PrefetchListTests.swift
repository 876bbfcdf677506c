import Testing

@testable import EventLoop

@Suite("Prefetching") struct PrefetchListTests {
  private final class Thing { var words = (0, 0, 0, 0, 0, 0, 0, 0) }

  @Test func isOnlyAHint() {
    var list = PrefetchList()
    list.issue()
    do {
      let gone = Thing()
      list.add(gone, bytes: 64)
    }
    // Neither freed memory nor an address without any is touched.
    list.add(UnsafeRawPointer(bitPattern: 0x10)!, bytes: 100_000)
    list.issue()
  }

  @Test func aFullListTakesNoMore() {
    let thing = Thing()
    var list = PrefetchList()
    for _ in 0..<20 { list.add(thing, bytes: 64) }
    list.issue()
    #expect(MemoryLayout<PrefetchList>.size == 48)
    #expect(thing.words.0 == 0)
  }

  @Test func takesEveryLineThatTheBytesReach() {
    // From the last byte of a line to the first of the next but one.
    #expect(PrefetchList.run(from: 0x1003F, bytes: 66) == 0x10000 | 3 << 56)
    #expect(PrefetchList.run(from: 0x10000, bytes: 64) == 0x10000 | 1 << 56)
    #expect(PrefetchList.run(from: 0x10000, bytes: 0) == 0x10000)
    #expect(PrefetchList.run(from: 0x10000, bytes: 1 << 20) == 0x10000 | 127 << 56)
  }
}

import Testing

@testable import Gateway

@Suite("Giving memory back") struct MemoryTrimTests {
  private func isDue(_ trim: inout MemoryTrim, _ megabytes: Int, busy: Double = 0, running: Int = 0) -> Bool {
    trim.isDue(residentBytes: megabytes << 20, busy: busy, running: running)
  }

  @Test func theFirstQuietMoment() {
    var trim = MemoryTrim()
    #expect(!isDue(&trim, 20, busy: 0.5))
    #expect(!isDue(&trim, 20, running: 1))
    #expect(isDue(&trim, 20))
  }

  @Test func onlyWhatHasGrownIsWorthIt() {
    var trim = MemoryTrim()
    trim.trimmed(residentBytes: 16 << 20)
    #expect(!isDue(&trim, 16))
    #expect(!isDue(&trim, 17))
    #expect(!isDue(&trim, 90, running: 5))
    #expect(isDue(&trim, 18))
    // What could not be given back is not tried again and again.
    trim.trimmed(residentBytes: 60 << 20)
    #expect(!isDue(&trim, 62))
    // It came to less by itself: that is the measure from now on.
    #expect(!isDue(&trim, 16, busy: 0.5, running: 5))
    #expect(isDue(&trim, 60))
  }
}

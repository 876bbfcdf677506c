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

  @Test func theStartIsNotOverAtOnce() {
    var trim = MemoryTrim()
    #expect(isDue(&trim, 20))
    trim.trimmed(residentBytes: 8 << 20)
    #expect(isDue(&trim, 8))
    #expect(!isDue(&trim, 8))
  }

  @Test func growthIsWorthIt() {
    var trim = resting(at: 16)
    #expect(!isDue(&trim, 17))
    #expect(!isDue(&trim, 90, running: 5))
    #expect(isDue(&trim, 18))
  }

  @Test func whatComesFreeLaterIsGivenBackLater() {
    var trim = resting(at: 16)
    #expect(isDue(&trim, 60))
    trim.trimmed(residentBytes: 40 << 20)
    var looks = [Int]()
    for look in 1...1000 where isDue(&trim, 40) { looks.append(look) }
    // Not for ever.
    #expect(looks == Array(stride(from: 2, through: 24, by: 2)))
  }

  @Test func whatCameToLessByItselfIsTheMeasure() {
    var trim = resting(at: 60)
    #expect(!isDue(&trim, 62))
    #expect(!isDue(&trim, 16, busy: 0.5, running: 5))
    #expect(isDue(&trim, 60))
  }

  /// Long after its last trim.
  private func resting(at megabytes: Int) -> MemoryTrim {
    var trim = MemoryTrim()
    trim.trimmed(residentBytes: megabytes << 20)
    for _ in 0..<1000 { #expect(!isDue(&trim, megabytes)) }
    return trim
  }
}

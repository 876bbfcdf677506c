/// Decides when memory is given back: when the process is quiet and holds clearly more than after the last time, and then a few times
/// more at growing distances, since much of what a load has left (idle connections, cached buffers) comes free only later.
package struct MemoryTrim {
  /// What the process held when it was trimmed last, or less if it has come to less since.
  private var restingBytes: Int?
  /// Quiet looks until the next time, and the distance after that; 0: there is none to come.
  private var countdown = 0
  private var distance = 0

  /// In looks: 1, 2, 4, … and this as the last.
  private static let longestDistance = 32

  package init() {}

  /// - Parameters:
  ///   - residentBytes: what the process holds now.
  ///   - busy: the part of one core that it used since the last look.
  ///   - running: requests under way.
  package mutating func isDue(residentBytes: Int, busy: Double, running: Int) -> Bool {
    if let restingBytes { self.restingBytes = min(restingBytes, residentBytes) }
    guard running == 0, busy < 0.01 else { return false }
    // The first time: what only the start needed.
    guard let restingBytes, residentBytes <= restingBytes + restingBytes / 16 else {
      (countdown, distance) = (1, 1)
      return true
    }
    guard countdown > 0 else { return false }
    countdown -= 1
    guard countdown == 0 else { return false }
    distance *= 2
    countdown = distance <= Self.longestDistance ? distance : 0
    return true
  }

  package mutating func trimmed(residentBytes: Int) { restingBytes = residentBytes }
}

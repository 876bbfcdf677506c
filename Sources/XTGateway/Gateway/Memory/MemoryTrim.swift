/// Decides when memory is given back: when the process is quiet, and holds clearly more than after the last time.
package struct MemoryTrim {
  /// What the process held when it was trimmed last, or less if it has come to less since.
  private var restingBytes: Int?

  package init() {}

  /// - Parameters:
  ///   - residentBytes: what the process holds now.
  ///   - busy: the part of one core that it used since the last look.
  ///   - running: requests under way.
  package mutating func isDue(residentBytes: Int, busy: Double, running: Int) -> Bool {
    if let restingBytes { self.restingBytes = min(restingBytes, residentBytes) }
    guard running == 0, busy < 0.01 else { return false }
    // The first time: what only the start needed.
    return restingBytes.map { residentBytes > $0 + $0 / 16 } ?? true
  }

  package mutating func trimmed(residentBytes: Int) { restingBytes = residentBytes }
}

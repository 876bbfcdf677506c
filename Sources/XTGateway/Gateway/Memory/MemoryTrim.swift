/// Decides when memory is given back: when the process is quiet and holds clearly more than after the last time, and then for two
/// minutes now and again, since much of what a load has left (idle connections, conversations, cached buffers) comes free only later.
/// After the start it is twice in a row: the first models and sessions are fetched when the first time is over.
public struct MemoryTrim {
  /// What the process held when it was trimmed last, or less if it has come to less since.
  private var restingBytes: Int?
  /// Quiet looks that are left of the two minutes. At every second of them memory is given back.
  private var looksLeft = 0

  private static let followUpLooks = 24

  public init() {}

  /// - Parameters:
  ///   - residentBytes: what the process holds now; asked every five seconds, and twice soon after the start.
  ///   - busy: the part of one core that it used since the last look.
  ///   - running: requests under way.
  public mutating func isDue(residentBytes: Int, busy: Double, running: Int) -> Bool {
    if let restingBytes { self.restingBytes = min(restingBytes, residentBytes) }
    guard running == 0, busy < 0.01 else { return false }
    guard let restingBytes else {
      looksLeft = Self.followUpLooks + 1
      return true
    }
    guard residentBytes <= restingBytes + restingBytes / 16 else {
      looksLeft = Self.followUpLooks
      return true
    }
    guard looksLeft > 0 else { return false }
    looksLeft -= 1
    return looksLeft % 2 == 0
  }

  public mutating func trimmed(residentBytes: Int) { restingBytes = residentBytes }
}

/// Which models are left alone for a while because the upstream had no channel for them. A pure state machine; times in
/// milliseconds, monotonic.
public struct ModelHealth: Sendable {
  private struct Ailment {
    var until: UInt64
    var strikes: Int
  }

  private var ailing: [String: Ailment] = [:]
  private let shortest: UInt64
  private let longest: UInt64

  public init(shortest: UInt64, longest: UInt64) { (self.shortest, self.longest) = (shortest, longest) }

  /// None rests.
  public var areAllWell: Bool { ailing.isEmpty }

  /// When the model may be asked for again; nil: now.
  public func coolsUntil(_ model: String, _ now: UInt64) -> UInt64? {
    guard let ailment = ailing[model], ailment.until > now else { return nil }
    return ailment.until
  }

  /// Failures at the same time count once.
  public mutating func failed(_ model: String, _ now: UInt64) {
    guard coolsUntil(model, now) == nil else { return }
    let strikes = ailing[model]?.strikes ?? 0
    ailing[model] = Ailment(until: now + min(longest, shortest << UInt64(min(strikes, 20))), strikes: strikes + 1)
  }

  public mutating func succeeded(_ model: String) {
    // Nearly always all are well, and a look whether one is not costs a hash.
    if !areAllWell { ailing[model] = nil }
  }
}

/// Which of an account's sessions a crashed gateway left behind.
package enum Leftovers {
  package static let namePrefix = "xtgateway/"

  /// - Parameters:
  ///   - ownName: the name that this instance gives its sessions.
  ///   - upstreamNow: the time by the upstream's own clock, as it writes it.
  ///   - idleSeconds: a gateway has ended an untouched session after this long; an older one has no gateway any more.
  package static func isLeftover(name: String, updated: String, ownName: String, upstreamNow: String, idleSeconds: Int) -> Bool {
    guard let now = seconds(upstreamNow) else { return false }
    return isOthers(name: name, ownName: ownName) && isOld(updated, upstreamNow: now, lifeSeconds: idleSeconds)
  }

  /// Whether another gateway, running or not, calls its sessions so.
  static func isOthers(name: String, ownName: String) -> Bool { name.hasPrefix(namePrefix) && name != ownName }

  /// - Parameter upstreamNow: in seconds, as `seconds` reads the upstream's clock.
  static func isOld(_ updated: String, upstreamNow: Int, lifeSeconds: Int) -> Bool {
    seconds(updated).map { upstreamNow - $0 > lifeSeconds } ?? false
  }

  /// How long a running gateway may leave a session of its own untouched: no conversation older than the idle time-out is taken up again,
  /// and sessions that are prepared, or in use for long, are touched in time.
  static func lifeSeconds(_ configuration: Configuration) -> Int { configuration.sessions.idleTimeoutSeconds }

  /// `2026-06-04 10:20:23`, in whatever zone, as seconds for comparison with others of the same zone; nil if it has another form.
  static func seconds(_ text: String) -> Int? {
    let parts = text.utf8.split { $0 == UInt8(ascii: "-") || $0 == 0x20 || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "T") }
    guard parts.count == 6, parts[0].count == 4 else { return nil }
    let numbers = parts.compactMap { part in part.allSatisfy { (48...57).contains($0) } ? Int(Substring(part)) : nil }
    guard numbers.count == 6, (1...12).contains(numbers[1]), (1...31).contains(numbers[2]) else { return nil }
    return daysSince1970(numbers[0], numbers[1], numbers[2]) * 86_400 + numbers[3] * 3600 + numbers[4] * 60 + numbers[5]
  }

  /// In the proleptic Gregorian calendar; March is the first month, so that the leap day comes last.
  private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let shifted = month > 2 ? year : year - 1
    let era = shifted / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}

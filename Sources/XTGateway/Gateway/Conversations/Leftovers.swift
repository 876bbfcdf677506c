/// Which of an account's sessions a crashed gateway left behind.
public enum Leftovers {
  public static let namePrefix = "xtgateway/"

  /// - Parameters:
  ///   - ownName: the name that this instance gives its sessions.
  ///   - upstreamNow: the time by the upstream's own clock, as it writes it.
  ///   - idleSeconds: a gateway has ended an untouched session after this long; an older one has no gateway any more.
  public static func isLeftover(name: String, updated: String, ownName: String, upstreamNow: String, idleSeconds: Int) -> Bool {
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
    var text = text
    return text.withUTF8 { text in
      var end = 0
      guard let year = number(text, &end, 4...4), let month = number(text, &end), let day = number(text, &end),
        let hour = number(text, &end), let minute = number(text, &end), let second = number(text, &end),
        text[end...].drop(while: isSeparator).isEmpty,
        (1...12).contains(month), (1...31).contains(day)
      else { return nil }
      return daysSince1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
    }
  }

  /// Takes separators and the number behind them, which ends with the text or before another separator.
  private static func number(_ text: UnsafeBufferPointer<UInt8>, _ index: inout Int, _ length: ClosedRange<Int> = 1...9) -> Int? {
    while index < text.count, isSeparator(text[index]) { index += 1 }
    var number = 0
    let start = index
    while index < text.count, !isSeparator(text[index]) {
      guard (48...57).contains(text[index]), index - start < length.upperBound else { return nil }
      number = number * 10 + Int(text[index] - 48)
      index += 1
    }
    return index - start >= length.lowerBound ? number : nil
  }

  private static func isSeparator(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "-") || byte == 0x20 || byte == UInt8(ascii: ":") || byte == UInt8(ascii: "T")
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

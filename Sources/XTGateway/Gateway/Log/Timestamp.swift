#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Wall-clock times.
package enum Timestamp {
  /// Seconds since 1970.
  package static var unixSeconds: Int {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return time.tv_sec
  }

  /// Now, as RFC 3339 in UTC with milliseconds: `2026-06-04T10:20:23.042Z`.
  package static var now: String {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return text(unixSeconds: time.tv_sec, milliseconds: time.tv_nsec / 1_000_000)
  }

  /// Until the next midnight where the upstream is at home (UTC+8): credits of a day come back then.
  package static var millisecondsUntilNextDay: UInt64 { UInt64(86_400 - (unixSeconds + 8 * 3600) % 86_400) * 1000 }

  static func text(unixSeconds: Int, milliseconds: Int) -> String {
    var seconds = unixSeconds
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func digits(_ value: Int32, _ width: Int) -> String {
      let text = String(value)
      return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
    return "\(digits(parts.tm_year + 1900, 4))-\(digits(parts.tm_mon + 1, 2))-\(digits(parts.tm_mday, 2))"
      + "T\(digits(parts.tm_hour, 2)):\(digits(parts.tm_min, 2)):\(digits(parts.tm_sec, 2)).\(digits(Int32(milliseconds), 3))Z"
  }
}

import Wire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Wall-clock times.
public enum Timestamp {
  /// Seconds since 1970.
  public static var unixSeconds: Int {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return time.tv_sec
  }

  /// Now, as RFC 3339 in UTC with milliseconds: `2026-06-04T10:20:23.042Z`.
  public static func append(to buffer: ByteBuffer) {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    append(unixSeconds: time.tv_sec, milliseconds: time.tv_nsec / 1_000_000, to: buffer)
  }

  /// Until the next midnight where the upstream is at home (UTC+8): credits of a day come back then.
  public static var millisecondsUntilNextDay: UInt64 { UInt64(86_400 - (unixSeconds + 8 * 3600) % 86_400) * 1000 }

  static func text(unixSeconds: Int, milliseconds: Int) -> String {
    let buffer = ByteBuffer()
    append(unixSeconds: unixSeconds, milliseconds: milliseconds, to: buffer)
    return buffer.text
  }

  private static func append(unixSeconds: Int, milliseconds: Int, to buffer: ByteBuffer) {
    var seconds = unixSeconds
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func append(_ value: Int, _ digits: Int, _ end: StaticString) {
      var divisor = digits == 4 ? 1000 : digits == 3 ? 100 : 10
      while divisor > 0 {
        buffer.append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
        divisor /= 10
      }
      buffer.append(end)
    }
    append(Int(parts.tm_year) + 1900, 4, "-")
    append(Int(parts.tm_mon) + 1, 2, "-")
    append(Int(parts.tm_mday), 2, "T")
    append(Int(parts.tm_hour), 2, ":")
    append(Int(parts.tm_min), 2, ":")
    append(Int(parts.tm_sec), 2, ".")
    append(milliseconds, 3, "Z")
  }
}

import EventLoop

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

enum Clock {
  /// Microseconds on the monotonic clock, for pacing.
  static func monotonicMicroseconds() -> UInt64 { SystemClock.monotonic / 1000 }

  /// Unix time in nanoseconds, for stamps that another process compares.
  static func unixNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  static func unixSeconds() -> Int { Int(unixNanoseconds() / 1_000_000_000) }

  /// "2026-06-04 10:20:23", at UTC+8 as the service writes it.
  static func text(_ unixSeconds: Int) -> String {
    var time = time_t(unixSeconds + 8 * 3600)
    var parts = tm()
    gmtime_r(&time, &parts)
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday)) "
      + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
  }
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The system's clocks, in nanoseconds.
public enum SystemClock {
  /// Never goes back.
  public static var monotonic: UInt64 { read(CLOCK_MONOTONIC) }
  /// CPU time of the calling thread, user and system.
  public static var threadCPU: UInt64 { read(CLOCK_THREAD_CPUTIME_ID) }
  /// CPU time of the process, user and system.
  public static var processCPU: UInt64 { read(CLOCK_PROCESS_CPUTIME_ID) }

  private static func read(_ id: clockid_t) -> UInt64 {
    var time = timespec()
    // With these clocks it cannot fail.
    clock_gettime(id, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

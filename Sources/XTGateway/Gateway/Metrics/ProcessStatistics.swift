#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What the kernel says of this process (proc(5)).
struct ProcessStatistics {
  var residentBytes = 0
  var openDescriptors = 0
  /// 0 where there is no limit.
  var maxDescriptors = 0
  var cpuSeconds = 0.0
  /// Unix seconds.
  var startTime = 0.0

  init() {
    let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
    // The name, in brackets, may hold anything; what follows the last bracket is numbers from the third field on.
    if let stat = Self.read("/proc/self/stat"), let close = stat.lastIndex(of: ")") {
      let fields = stat[close...].split(separator: " ")
      func field(_ number: Int) -> Double { number - 2 < fields.count ? Double(fields[number - 2]) ?? 0 : 0 }
      cpuSeconds = (field(14) + field(15)) / ticks
      residentBytes = Int(field(24)) * Int(sysconf(Int32(_SC_PAGESIZE)))
      startTime = Self.bootTime + field(22) / ticks
    }
    openDescriptors = Self.countDescriptors()
    maxDescriptors = Self.softLimit("Max open files")
  }

  /// From the file, since a hardened unit's system call filter may refuse `prlimit`.
  private static func softLimit(_ name: String) -> Int {
    let line = read("/proc/self/limits")?.split(separator: "\n").first { $0.hasPrefix(name) }
    return line?.dropFirst(name.count).split(separator: " ").first.flatMap { Int($0) } ?? 0
  }

  /// Resident bytes alone.
  static var resident: Int? {
    guard let fields = read("/proc/self/statm")?.split(separator: " "), fields.count > 1, let pages = Int(fields[1]) else {
      return nil
    }
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }

  private static var bootTime: Double {
    guard let stat = read("/proc/stat") else { return 0 }
    let line = stat.split(separator: "\n").first { $0.hasPrefix("btime ") }
    return line.flatMap { Double($0.dropFirst(6)) } ?? 0
  }

  private static func countDescriptors() -> Int {
    guard let directory = opendir("/proc/self/fd") else { return 0 }
    defer { closedir(directory) }
    var count = 0
    while readdir(directory) != nil { count += 1 }
    // ".", ".." and the directory itself.
    return max(0, count - 3)
  }

  private static func read(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 65_536) { bytes in
      #if canImport(Glibc)
        let count = Glibc.read(descriptor, bytes.baseAddress, bytes.count)
      #else
        let count = Musl.read(descriptor, bytes.baseAddress, bytes.count)
      #endif
      return count > 0 ? String(decoding: UnsafeBufferPointer(rebasing: bytes[..<count]), as: UTF8.self) : nil
    }
  }
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// `XTGatewayMicrobench` lists the cases; `XTGatewayMicrobench CASE TIMES` runs one so often and prints the nanoseconds
/// of CPU that took, the events that were and the bytes that were read. `scripts/bench --micro` makes a table of it.
func runMicrobench() -> Int32 {
  let cases = allCases()
  let arguments = CommandLine.arguments
  guard arguments.count == 3, let index = Int(arguments[1]), let times = Int(arguments[2]), cases.indices.contains(index) else {
    for (index, each) in cases.enumerated() { print("\(index)\t\(each.name)\t\(each.event)") }
    return arguments.count == 1 ? 0 : 64
  }
  let chosen = cases[index]
  // Buffers have grown and lazy values are there before the clock starts.
  for _ in 0..<10 { _ = chosen.run() }
  var events = 0
  let begun = cpuNanoseconds()
  for _ in 0..<times { events += chosen.run() }
  print("\(cpuNanoseconds() - begun)\t\(events)\t\(chosen.bytes * times)")
  return 0
}

/// Not the time on the wall: somebody else may have the CPU meanwhile.
func cpuNanoseconds() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

exit(runMicrobench())

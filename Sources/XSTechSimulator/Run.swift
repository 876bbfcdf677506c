import ArgumentParser
import EventLoop
import HTTPServer

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

func runSimulator() { SimulatorCommand.main() }

/// Serves until SIGINT or SIGTERM.
func serve(_ setup: Simulator.Setup, host: String, port: Int) throws {
  raiseFileLimit()
  let loop = try EventLoop()
  let simulator = try Simulator(loop: loop, setup)
  var configuration = HTTPServerConfiguration()
  configuration.keepAliveTimeoutMilliseconds = 300_000
  configuration.writeTimeoutMilliseconds = 600_000
  let server = HTTPServer(loop: loop, configuration: configuration, service: simulator)
  do {
    try server.listen(host: host, port: port)
  } catch {
    complain("xstech-simulator: cannot listen on \(host):\(port): \(error)")
    throw ExitCode(69)
  }
  let signals = try [SIGINT, SIGTERM].map { signal in try SignalHandle(loop: loop, signal: signal) { loop.stop() } }
  print("xstech-simulator listening on http://\(host.contains(":") ? "[\(host)]" : host):\(server.port)")
  fflush(nil)
  loop.run()
  for signal in signals { signal.close() }
  server.close()
  simulator.pacer.close()
  loop.close()
}

import EventLoop
import Gateway
import HTTPClient
import HTTPServer

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Runs the gateway until a signal ends it. Returns the exit code.
func serve(configurationPath: String?) -> Int32 {
  guard let configuration = loadConfiguration(configurationPath) else { return ExitStatus.invalidConfiguration }
  let sink: LogSink
  do throws(LogFileError) { sink = try LogSink(configuration.log) } catch {
    printError("invalid configuration: log.file: cannot open \(error.path): \(error.reason)")
    return ExitStatus.invalidConfiguration
  }
  // What is still to be logged, unless nobody reads it.
  defer { sink.close(within: 1000) }
  do throws(UVError) {
    let program = try Program(configuration: configuration, path: configurationPath, sink: sink)
    return program.run()
  } catch {
    printError("cannot start: \(error)")
    return ExitStatus.softwareError
  }
}

/// One loop with everything on it, and its end.
final class Program {
  /// serving → draining → (cutting →) cleaning
  private enum Phase { case serving, draining, cutting, cleaning }

  /// For the last bytes of answers that were cut off, and then for deleting what is left upstream.
  private static let flushMilliseconds: UInt64 = 250
  private static let cleanMilliseconds: UInt64 = 2000

  private let configuration: Configuration
  private let configurationPath: String?
  private let sink: LogSink
  private let loop: EventLoop
  private let upstream: UpstreamClient
  private let core: GatewayCore
  private let server: HTTPServer
  /// For `/metrics` alone.
  private var metricsServer: HTTPServer?
  private var memory: MemoryKeeper?
  private var signals: [SignalHandle] = []
  private var phase = Phase.serving
  private lazy var budget = LoopTimer(loop: loop) { [unowned self] in budgetSpent() }

  init(configuration: Configuration, path: String?, sink: LogSink) throws(UVError) {
    (self.configuration, configurationPath, self.sink) = (configuration, path, sink)
    loop = try EventLoop()
    let client = HTTPClient(loop: loop, configuration: .init(configuration))
    upstream = UpstreamClient(loop: loop, client: client, configuration: configuration)
    core = GatewayCore(loop: loop, configuration: configuration, upstream: upstream, sink: sink)
    server = HTTPServer(loop: loop, configuration: .init(configuration), service: GatewayService(core))
  }

  func run() -> Int32 {
    server.onAcceptError = { [core] error in
      core.log.warning("cannot accept connections for now: \(error). Raise the limit of open files (ulimit -n).")
    }
    do throws(UVError) {
      try server.listen(host: configuration.host, port: configuration.port)
      let hangUp = try SignalHandle(loop: loop, signal: SIGHUP) { [unowned self] in reload() }
      signals =
        try [hangUp]
        + [SIGINT, SIGTERM].map { number throws(UVError) in
          try SignalHandle(loop: loop, signal: number) { [unowned self] in received(number) }
        }
        + [SignalHandle(loop: loop, signal: SIGUSR1) { [sink] in sink.reopen() }]
    } catch {
      printError("cannot listen on \(configuration.host) port \(configuration.port): \(error). Is another program using the port?")
      return ExitStatus.cannotListen
    }
    guard listenForMetrics() else { return ExitStatus.cannotListen }
    core.serverStatistics = { [unowned server] in (server.connectionCount, server.sentBytes) }
    announce()
    core.start()
    memory = MemoryKeeper(loop: loop) { [core] in core.runningCount }
    loop.run()
    loop.close()
    return ExitStatus.success
  }

  private func listenForMetrics() -> Bool {
    guard let address = ListenAddress(configuration.metrics.listen) else { return true }
    let server = HTTPServer(loop: loop, configuration: .init(configuration), service: MetricsService(core))
    do throws(UVError) { try server.listen(host: address.host, port: address.port) } catch {
      printError("cannot listen for metrics on \(address.host) port \(address.port): \(error)")
      return false
    }
    metricsServer = server
    core.log.notice("metrics on http://\(configuration.metrics.listen)/metrics")
    return true
  }

  private func announce() {
    let host =
      configuration.host.contains(":") && !configuration.host.hasPrefix("[") ? "[\(configuration.host)]" : configuration.host
    core.log.notice(
      "xtgateway \(gatewayVersion) listening on http://\(host):\(server.port), \(configuration.cookies.count) accounts")
    for warning in configuration.warnings { core.log.warning("\(warning)") }
    if configuration.cookies.isEmpty {
      core.log.warning("no XSTech account is configured: add one under \"cookies\" in the configuration, or set XTGATEWAY_COOKIES")
    }
    if configuration.apiKeys.isEmpty {
      core.log.warning("no api_keys are configured: whoever reaches this port may use the accounts")
    }
  }

  /// An invalid configuration changes nothing.
  private func reload() {
    guard phase == .serving else { return }
    guard let configuration = loadConfiguration(configurationPath, complain: { [core] in core.log.error("reload: \($0)") }) else {
      return core.log.error("reload: the configuration is invalid, nothing is changed (see above)")
    }
    for warning in configuration.warnings { core.log.warning("\(warning)") }
    core.reload(configuration)
  }

  // MARK: The end

  private func received(_ signal: Int32) {
    guard phase == .serving else {
      sink.close(within: 200)
      exit(128 + signal)
    }
    phase = .draining
    core.log.notice("draining: \(core.runningCount) requests under way, at most \(core.configuration.shutdownTimeoutSeconds) s")
    core.drain()
    budget.start(after: UInt64(core.configuration.shutdownTimeoutSeconds) * 1000)
    server.drain { [unowned self] in cleanUp() }
  }

  private func budgetSpent() {
    switch phase {
    case .serving: break
    case .draining:
      core.log.warning("\(core.runningCount) requests did not end in time and are cut off")
      core.cutOff()
      phase = .cutting
      budget.start(after: Self.flushMilliseconds)
    case .cutting:
      budget.start(after: Self.cleanMilliseconds)
      cleanUp()
    case .cleaning:
      if core.sessions.janitor.backlog > 0 { core.log.warning("\(core.sessions.janitor.backlog) upstream sessions are left over") }
      stop()
    }
  }

  /// Every client is served: deletes what is left upstream, within the budget.
  private func cleanUp() {
    guard phase == .draining || phase == .cutting else { return }
    phase = .cleaning
    core.sessions.deleteAll { [unowned self] in stop() }
  }

  private func stop() {
    guard !signals.isEmpty else { return }
    for signal in signals { signal.close() }
    signals = []
    budget.close()
    server.close()
    metricsServer?.close()
    memory?.close()
    core.close()
    upstream.close()
    loop.stop()
    core.log.notice("stopped")
  }
}

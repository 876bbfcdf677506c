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

/// All loops, and their end. The first runs on the thread that the program starts with, and leads the others.
final class Program {
  private let configuration: Configuration
  private let configurationPath: String?
  private let sink: LogSink
  private let shared: SharedState
  /// Counts the connections of all workers.
  private let limiter: ConnectionLimiter
  private let first: Worker
  private var others: [LoopThread] = []
  /// For `/metrics` alone.
  private var metricsServer: HTTPServer?
  private var memory: MemoryKeeper?
  private var signals: [SignalHandle] = []
  private var shutdown: Shutdown
  private lazy var timer = LoopTimer(loop: first.loop) { [unowned self] in carryOut(shutdown.timerFired()) }

  init(configuration: Configuration, path: String?, sink: LogSink) throws(UVError) {
    (self.configuration, configurationPath, self.sink) = (configuration, path, sink)
    let workers = configuration.workers > 0 ? configuration.workers : min(LoopThread.availableCores, SharedState.maxWorkers)
    let loop = try EventLoop()
    shared = SharedState(configuration, workers: workers, now: loop.now)
    limiter = ConnectionLimiter(.init(configuration))
    first = try Worker(0, loop: loop, shared: shared, limiter: limiter, configuration: configuration, sink: sink)
    shutdown = Shutdown(workers: workers)
  }

  func run() -> Int32 {
    first.report = { [unowned self] step in carryOut(shutdown.received(step)) }
    do throws(UVError) {
      try listen()
      try watchSignals()
    } catch {
      printError("cannot listen on \(configuration.host) port \(configuration.port): \(error). Is another program using the port?")
      return ExitStatus.cannotListen
    }
    guard listenForMetrics() else { return ExitStatus.cannotListen }
    do throws(UVError) { try startOthers() } catch {
      printError("cannot start \(shared.workers) workers: \(error)")
      // Those that run already are not worth a word.
      sink.close(within: 200)
      _exit(ExitStatus.softwareError)
    }
    announce()
    memory = MemoryKeeper(loop: first.loop) { [shared] in shared.runningChats }
    first.run()
    for thread in others { thread.join() }
    first.core.log.notice("stopped")
    return ExitStatus.success
  }

  // MARK: The beginning

  private func listen() throws(UVError) {
    if shared.workers > 1 { try TCPListener.probe(host: configuration.host, port: configuration.port) }
    try first.server.listen(host: configuration.host, port: configuration.port, reusePort: shared.workers > 1)
  }

  private func watchSignals() throws(UVError) {
    signals.append(try SignalHandle(loop: first.loop, signal: SIGHUP) { [unowned self] in reload() })
    signals.append(try SignalHandle(loop: first.loop, signal: SIGUSR1) { [sink] in sink.reopen() })
    for number in [SIGINT, SIGTERM] {
      signals.append(try SignalHandle(loop: first.loop, signal: number) { [unowned self] in received(number) })
    }
  }

  /// Each gets a socket of its own on the same port; the kernel shares connections out.
  private func startOthers() throws(UVError) {
    for number in 1..<max(1, shared.workers) {
      let worker = try Worker(
        number, loop: EventLoop(), shared: shared, limiter: limiter, configuration: configuration, sink: sink)
      try worker.server.listen(host: configuration.host, port: first.server.port, reusePort: true)
      others.append(try LoopThread(name: "worker-\(number)") { worker.run() })
    }
  }

  private func listenForMetrics() -> Bool {
    guard let address = ListenAddress(configuration.metrics.listen) else { return true }
    let server = HTTPServer(loop: first.loop, configuration: .init(configuration), service: MetricsService(first.core))
    do throws(UVError) { try server.listen(host: address.host, port: address.port) } catch {
      printError("cannot listen for metrics on \(address.host) port \(address.port): \(error)")
      return false
    }
    metricsServer = server
    first.core.log.notice("metrics on http://\(configuration.metrics.listen)/metrics")
    return true
  }

  private func announce() {
    let host =
      configuration.host.contains(":") && !configuration.host.hasPrefix("[") ? "[\(configuration.host)]" : configuration.host
    let workers = shared.workers > 1 ? ", \(shared.workers) workers" : ""
    let log = first.core.log
    log.notice(
      "xtgateway \(gatewayVersion) listening on http://\(host):\(first.server.port), \(configuration.cookies.count) accounts\(workers)"
    )
    for warning in configuration.warnings { log.warning("\(warning)") }
    if let files = raiseFileLimit() { log.debug("at most \(files) files may be open, connections included") }
    if configuration.cookies.isEmpty {
      log.warning("no XSTech account is configured: add one under \"cookies\" in the configuration, or set XTGATEWAY_COOKIES")
    }
    if configuration.apiKeys.isEmpty {
      log.warning("no api_keys are configured: whoever reaches this port may use the accounts")
    }
  }

  /// An invalid configuration changes nothing.
  private func reload() {
    guard shutdown.phase == .serving else { return }
    let log = first.core.log
    guard let configuration = loadConfiguration(configurationPath, complain: { log.error("reload: \($0)") }) else {
      return log.error("reload: the configuration is invalid, nothing is changed (see above)")
    }
    for warning in configuration.warnings { log.warning("\(warning)") }
    first.core.reload(configuration)
  }

  // MARK: The end

  private func received(_ signal: Int32) {
    // Not `exit`: other loops may be anywhere in libraries that it would take down under them.
    guard shutdown.phase == .serving else {
      sink.close(within: 200)
      _exit(128 + signal)
    }
    let seconds = first.core.configuration.shutdownTimeoutSeconds
    first.core.log.notice("draining: \(shared.runningChats) requests under way, at most \(seconds) s")
    carryOut(shutdown.signal(budgetMilliseconds: UInt64(seconds) * 1000))
  }

  private func carryOut(_ actions: [Shutdown.Action]) {
    for action in actions {
      switch action {
      case .startTimer(let milliseconds): timer.start(after: milliseconds)
      case .tell(let step): tell(step)
      case .closeStore: shared.closeSessions()
      case .deleteAll: first.core.background?.care.deleteAll { [unowned self] in carryOut(shutdown.deleted()) }
      case .giveUp:
        let left = first.core.background?.care.janitor.backlog ?? 0
        if left > 0 { first.core.log.warning("\(left) upstream sessions are left over") }
      }
    }
  }

  private func tell(_ step: ShutdownStep) {
    if step == .cutOff { first.core.log.warning("\(shared.runningChats) requests did not end in time and are cut off") }
    if step == .stop { closeOwn() }
    shared.tellAll(.shutdown(step), from: 0) { first.perform(step) }
  }

  private func closeOwn() {
    for signal in signals { signal.close() }
    signals = []
    timer.close()
    metricsServer?.close()
    memory?.close()
  }
}

import EventLoop
import Gateway
import HTTPClient
import HTTPServer

/// One loop with everything on it: its own listening socket, HTTP client, server and core.
final class Worker {
  let loop: EventLoop
  let core: GatewayCore
  let server: HTTPServer
  private let upstream: UpstreamClient
  private var mailbox: MailboxReceiver<WorkerMessage>?
  /// Tells the first worker how far this one has come.
  var report: (ShutdownStep) -> Void

  init(
    _ number: Int, loop: EventLoop, shared: SharedState, limiter: ConnectionLimiter, configuration: Configuration, sink: LogSink
  ) throws(UVError) {
    self.loop = loop
    let client = HTTPClient(loop: loop, configuration: .init(configuration))
    upstream = UpstreamClient(loop: loop, client: client, tokens: shared.tokens, configuration: configuration)
    core = GatewayCore(
      loop: loop, worker: number, shared: shared, configuration: configuration, upstream: upstream, sink: sink)
    server = HTTPServer(loop: loop, configuration: .init(configuration), service: GatewayService(core), limiter: limiter)
    report = { step in shared.mailboxes[0].post(.shutdown(step)) }
    mailbox = try MailboxReceiver(loop: loop, mailbox: shared.mailboxes[number]) { [unowned self] message in receive(message) }
    core.serverStatistics = { [unowned server] in (server.connectionCount, server.sentBytes) }
    server.onAcceptError = { [core] error in
      core.log.warning("cannot accept connections for now: \(error). Raise the limit of open files (ulimit -n).")
    }
  }

  /// To be called on the loop's own thread. Returns after `stop`.
  func run() {
    core.start()
    loop.moderateWakeups { [server] in server.sentBytes }
    loop.run()
    loop.close()
  }

  private func receive(_ message: WorkerMessage) {
    guard case .shutdown(let step) = message else { return core.receive(message) }
    switch step {
    case .drain, .finishDrain, .cutOff, .settle, .stop: perform(step)
    case .idle, .drained, .settled: report(step)
    }
  }

  // MARK: The end

  func perform(_ step: ShutdownStep) {
    let number = core.worker
    switch step {
    case .drain: drain()
    case .finishDrain: server.mayFinishDraining = true
    case .cutOff: core.cutOff()
    case .settle: core.settle { [report] in report(.settled(worker: number)) }
    case .stop: stop()
    case .idle, .drained, .settled: break
    }
  }

  private func drain() {
    let number = core.worker
    core.drain()
    // A connection stays open as long as anything is in flight in any loop.
    server.mayFinishDraining = false
    server.onBusyChange = { [report] isBusy in report(.idle(worker: number, !isBusy)) }
    server.drain { [report] in report(.drained(worker: number)) }
    if !server.isBusy { report(.idle(worker: number, true)) }
  }

  private func stop() {
    guard let mailbox else { return }
    self.mailbox = nil
    mailbox.close()
    server.onBusyChange = nil
    server.close()
    core.close()
    upstream.close()
    loop.stop()
  }
}

import EventLoop
import Gateway
import HTTPClient
import Wire

/// Asks `/health` of the instance that the configuration describes. Returns the exit code: 0 healthy, 1 anything else.
func healthcheck(configurationPath: String?) -> Int32 {
  guard let configuration = loadConfiguration(configurationPath) else { return ExitStatus.unhealthy }
  let url = healthURL(configuration)
  let loop: EventLoop
  do throws(UVError) { loop = try EventLoop() } catch {
    printError("cannot ask \(url): \(error)")
    return ExitStatus.unhealthy
  }
  let check = HealthCheck(loop, url)
  loop.run()
  loop.close()
  switch check.verdict {
  case .healthy:
    print("healthy")
    return ExitStatus.success
  case .unhealthy(let reason):
    printError("not healthy: \(url) \(reason)")
    return ExitStatus.unhealthy
  }
}

/// An instance that listens everywhere is asked over loopback.
func healthURL(_ configuration: Configuration) -> String {
  let host =
    switch configuration.host {
    case "0.0.0.0": "127.0.0.1"
    case "::", "[::]": "[::1]"
    case let host where host.contains(":") && !host.hasPrefix("["): "[\(host)]"
    case let host: host
    }
  return "http://\(host):\(configuration.port)/health"
}

/// One request to `/health`, within a bounded time; ends its loop.
private final class HealthCheck: HTTPTransferDelegate {
  enum Verdict {
    case healthy
    case unhealthy(String)
  }

  /// Less than what container engines usually allow.
  private static let milliseconds: UInt64 = 4000
  private static let maxBytes = 65_536

  private(set) var verdict = Verdict.unhealthy("does not answer")
  private let client: HTTPClient
  private let loop: EventLoop
  private var timer: LoopTimer?
  private var status = 0
  private let body = ByteBuffer()

  init(_ loop: EventLoop, _ url: String) {
    self.loop = loop
    client = HTTPClient(loop: loop, configuration: HTTPClientConfiguration())
    timer = LoopTimer(loop: loop) { [unowned self] in end(.unhealthy("does not answer within \(Self.milliseconds / 1000) seconds"))
    }
    timer?.start(after: Self.milliseconds)
    client.start(
      HTTPClientRequest(method: .get, base: HTTPBaseURL(url), path: "", headers: HTTPClientHeaders([]), mayBeSentTwice: true),
      delegate: self)
  }

  func transfer(_ transfer: HTTPTransfer, didReceiveHead head: HTTPClientResponseHead) { status = head.status }

  func transfer(_ transfer: HTTPTransfer, didReceive bytes: UnsafeRawBufferPointer) {
    body.append(UnsafeRawBufferPointer(rebasing: bytes.prefix(Self.maxBytes - body.count)))
  }

  func transfer(_ transfer: HTTPTransfer, didEnd error: HTTPClientError?) {
    end(error.map { .unhealthy("cannot be reached: \($0.message)") } ?? answer)
  }

  private var answer: Verdict {
    let word: String?
    do throws(JSONError) { word = try JSONDocument(parsing: body.bytes).root["status"]?.string } catch { word = nil }
    return switch (status, word) {
    case (200, "healthy"): .healthy
    case (_, let word?): .unhealthy("says \(word) (\(status))")
    case (_, nil): .unhealthy("is not xtgateway: it answers \(status) without a state")
    }
  }

  private func end(_ verdict: Verdict) {
    guard let timer else { return }
    self.verdict = verdict
    timer.close()
    self.timer = nil
    client.close()
  }
}

import ArgumentParser
import EventLoop

func runLoadGenerator() { LoadCommand.main() }

struct LoadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "xtgateway-load",
    abstract: "Concurrent OpenAI-style chat completions, each checked piece by piece.",
    discussion: """
      With --say (the default) the question is one that xstech-simulator answers with numbered and stamped pieces: an
      answer counts only if every piece came, whole and in order, [DONE] was last and the HTTP message ended properly.
      The report is one JSON object on standard output; "N streams open" goes to standard error as soon as every stream
      has had a piece. Exit code 1 if anything failed.
      """)

  @Option(help: "Address to connect to.") var host = "127.0.0.1"
  @Option(help: "Port to connect to.") var port = 8000
  @Option(help: "Path of the chat completions.") var path = "/v1/chat/completions"
  @Option(help: "API key.") var key: String?
  @Option(help: "Model to ask for.") var model = "xstech-openai::gpt-5.5"
  @Option(help: "Streams at the same time.") var streams = 1
  @Option(help: "Requests in all; default: one a stream.") var requests: Int?
  @Option(help: "Milliseconds within which the streams begin, at random moments.") var rampMs: UInt64 = 0
  @Option(help: "Numbered pieces to ask for.") var say = 60
  @Option(help: "Bytes of a numbered piece.") var pieceBytes = 64
  @Option(help: "Milliseconds between the pieces; default: the simulator's own pace.") var pace: Int?
  @Option(help: "Numbered pieces in one write where there is no pace; default: as the simulator likes.") var batch: Int?
  @Option(help: "A question in place of --say; its answer is not checked for content.") var text: String?
  @Option(help: "No chat but GET of this path, whose answer must be the same every time.") var get: String?
  @Option(
    help: """
      Rounds after the first (with --no-stream): each of --requests conversations goes on with its whole history. Only these are \
      reported; "prepared" goes to standard error half a second before them.
      """) var followUps = 0
  @Flag(inversion: .prefixedNo, help: "Ask for a stream.") var stream = true
  @Flag(inversion: .prefixedNo, help: "Use connections again.") var reuse = true
  @Option(help: "Seconds after which the run ends.") var timeoutS: UInt64 = 60
  @Option(help: "Seconds after which a request has failed.") var requestTimeoutS: UInt64 = 60

  func validate() throws {
    guard (1...65535).contains(port) else { throw ValidationError("--port is 1 to 65535") }
    guard streams > 0, requests ?? 1 > 0, say >= 0, (64...65536).contains(pieceBytes), (0...3_600_000).contains(pace ?? 0),
      followUps == 0 || !stream
    else {
      throw ValidationError(
        "--streams and --requests are at least 1, --piece-bytes is 64 to 65536, --follow-ups go with --no-stream")
    }
    guard (1...86400).contains(timeoutS), (1...86400).contains(requestTimeoutS), rampMs <= 3_600_000 else {
      throw ValidationError("times are at least 1 second and at most a day")
    }
  }

  private var plan: Plan {
    var plan = Plan()
    (plan.host, plan.port, plan.path, plan.key, plan.model) = (host, port, path, key, model)
    plan.question = text.map { .text($0) } ?? .say(count: say, bytes: pieceBytes)
    if let get { (plan.path, plan.question) = (get, .document) }
    (plan.pace, plan.batch, plan.isStreamed, plan.reusesConnections, plan.followUps) = (pace, batch, stream, reuse, followUps)
    (plan.streams, plan.requests, plan.rampMilliseconds) = (streams, requests ?? streams, rampMs)
    (plan.timeoutSeconds, plan.requestTimeoutSeconds) = (timeoutS, requestTimeoutS)
    return plan
  }

  func run() throws {
    raiseFileLimit()
    let loop = try EventLoop()
    let load = try LoadRun(loop, plan)
    load.onPlateau = { [streams = min(streams, requests ?? streams)] in
      complain("\(streams) streams open")
    }
    load.onPrepared = { complain("prepared") }
    loop.run()
    load.close()
    loop.close()
    print(load.report.json)
    if load.report.failures > 0 { throw ExitCode(1) }
  }
}

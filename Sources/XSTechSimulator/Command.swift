import ArgumentParser

struct SimulatorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "xstech-simulator",
    abstract: "A stand-in for XSTech, for people without an account, for tests and for benchmarks.",
    discussion: Help.text)

  @Option(help: "Port to listen on; 0 takes a free one, which is printed.") var port = 8090
  @Option(help: "Address to listen on.") var host = "127.0.0.1"

  @Option(help: "Accounts with the tokens token-1 … token-N. Default: 1, or 0 where --token or --account is given.") var accounts:
    Int?
  @Option(help: ArgumentHelp("An account with this opaque token.", valueName: "token")) var token: [String] = []
  @Option(help: ArgumentHelp("An account that can log in.", valueName: "user:password")) var account: [String] = []
  @Option(help: "How long the token of a login is good.") var tokenSeconds = 604_800
  @Option(help: "Sessions that one account can hold.") var maxSessions = 1000
  @Option(help: "Credits of each account.") var credits = 1_000_000

  @Option(help: "Pieces of a usual answer, padded or cut; 0: as many as it has.") var pieces = 0
  @Option(help: "Bytes of a piece, or a little more where a character would be cut.") var pieceBytes = 12
  @Option(help: "Milliseconds between pieces; 0: as fast as the client takes them.") var intervalMs = 0.0
  @Option(help: "Milliseconds between the head and the first piece.") var firstMs = 0.0
  @Flag(help: "Every model reasons.") var reasoning = false
  @Flag(help: "The usual answer names the system prompt.") var promptEcho = false

  @Option(help: ArgumentHelp("A fault that waits for requests, see above.", valueName: "rule")) var fault: [String] = []
  @Option(help: "How many requests GET /_requests shows, texts and tokens included.") var recordRequests = 0

  func validate() throws {
    guard (0...65535).contains(port) else { throw ValidationError("--port is 0 to 65535") }
    for (name, value, range) in [
      ("pieces", pieces, 0...1_000_000), ("piece-bytes", pieceBytes, 1...65536), ("accounts", accounts ?? 0, 0...100_000),
      ("max-sessions", maxSessions, 1...10_000_000), ("record-requests", recordRequests, 0...100_000),
      ("credits", credits, 0...1_000_000_000), ("token-seconds", tokenSeconds, 0...1_000_000_000),
    ] where !range.contains(value) { throw ValidationError("--\(name) is \(range.lowerBound) to \(range.upperBound)") }
    guard (0...3_600_000).contains(intervalMs), (0...3_600_000).contains(firstMs) else {
      throw ValidationError("--interval-ms and --first-ms are 0 to 3600000")
    }
    for login in account where !login.contains(":") { throw ValidationError("--account \(login): expected user:password") }
    _ = try rules()
  }

  private func rules() throws -> [FaultRules.Rule] {
    var rules: [FaultRules.Rule] = []
    for text in fault {
      do {
        rules.append(try FaultRules.Rule(parsing: text))
      } catch { throw ValidationError("--fault \(text): unknown: \(error.text)") }
    }
    return rules
  }

  func run() throws {
    var setup = Simulator.Setup()
    setup.accounts = Accounts(
      count: accounts ?? (token.isEmpty && account.isEmpty ? 1 : 0), tokens: token, logins: account, credits: credits,
      tokenSeconds: tokenSeconds)
    setup.sessionLimit = maxSessions
    setup.faults = try rules()
    setup.recordedRequests = recordRequests
    setup.behaviour = Behaviour(
      pieces: pieces, pieceBytes: pieceBytes, intervalMilliseconds: intervalMs, firstMilliseconds: firstMs,
      reasoning: reasoning, promptEcho: promptEcho)
    try serve(setup, host: host, port: port)
  }
}

import Gateway

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The program, called by `main.swift` so that no code with C callbacks is bound to the main actor.
func runXTGateway() -> Never {
  let invocation: Invocation
  do throws(Invocation.Mistake) { invocation = try Invocation(CommandLine.arguments.dropFirst()) } catch {
    printError("\(error.text)\n\(Help.hint)")
    exit(ExitStatus.wrongUsage)
  }
  switch invocation {
  case .help(let command): print(Help.text(of: command), terminator: "")
  case .version: print("xtgateway \(gatewayVersion)")
  case .run(.serve, let path): exit(serve(configurationPath: path))
  case .run(.checkConfig, let path): exit(checkConfig(path))
  case .run(.healthcheck, let path): exit(healthcheck(configurationPath: path))
  case .run(.configDocs, _): print(Configuration.documentation, terminator: "")
  }
  exit(ExitStatus.success)
}

private func checkConfig(_ path: String?) -> Int32 {
  guard let configuration = loadConfiguration(path) else { return ExitStatus.invalidConfiguration }
  for warning in configuration.warnings { printError("warning: \(warning)") }
  print(configuration.text, terminator: "")
  return ExitStatus.success
}

/// What the program's arguments ask for.
///
/// They are read here and not by swift-argument-parser because that brings Foundation's encoders along: megabytes of resident memory in
/// a server that has three commands and one option.
enum Invocation: Equatable {
  enum Command: String, CaseIterable {
    case serve
    case checkConfig = "check-config"
    case healthcheck
    /// Writes the table in `docs/configuration.md`; users need not know of it.
    case configDocs = "config-docs"
  }

  /// In words for the user.
  struct Mistake: Error, Equatable {
    let text: String
  }

  case run(Command, configurationPath: String?)
  /// nil: the program's own.
  case help(Command?)
  case version

  private static let options = ["--config", "--help", "--version"]

  init(_ arguments: some Sequence<String>) throws(Mistake) {
    var rest = arguments.makeIterator()
    var command: Command?
    var path: String?
    var isHelp = false
    while let argument = rest.next() {
      switch argument {
      case "--version":
        self = .version
        return
      case "--help", "-h": isHelp = true
      case "help" where command == nil && !isHelp: isHelp = true
      case "--config":
        guard let value = rest.next() else { throw Mistake(text: "--config needs the path of a file") }
        path = value
      case _ where argument.hasPrefix("--config="): path = String(argument.dropFirst("--config=".count))
      case _ where argument.hasPrefix("-"):
        throw Mistake(text: "unknown option \(argument)\(suggestion(for: argument, among: Self.options))")
      case _ where command != nil: throw Mistake(text: "unexpected argument \"\(argument)\"")
      default: command = try Self.command(argument)
      }
    }
    self = isHelp ? .help(command) : .run(command ?? .serve, configurationPath: path)
  }

  private static func command(_ name: String) throws(Mistake) -> Command {
    if let command = Command(rawValue: name) { return command }
    throw Mistake(text: "unknown command \"\(name)\"\(suggestion(for: name, among: Command.allCases.map(\.rawValue)))")
  }
}

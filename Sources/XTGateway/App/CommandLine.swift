import ArgumentParser
import Gateway

/// The program, called by `main.swift` so that no code with C callbacks is bound to the main actor.
func runXTGateway() { XTGatewayCommand.main() }

struct XTGatewayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "xtgateway", abstract: "An OpenAI-compatible gateway to XSTech.",
    discussion: """
      The configuration comes from --config, else $XTGATEWAY_CONFIG, else config/config.json, else config.json, else defaults. Environment \
      variables beat the file: XTGATEWAY_PORT=8080 sets "port", XTGATEWAY_UPSTREAM_BASE_URL sets "upstream.base_url", and so on.
      """,
    version: "xtgateway \(gatewayVersion)", subcommands: [Serve.self, CheckConfig.self, ConfigDocs.self],
    defaultSubcommand: Serve.self)
}

struct ConfigOption: ParsableArguments {
  @Option(help: ArgumentHelp("The configuration file.", valueName: "path"))
  var config: String?
}

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Run the gateway (the default).")
  @OptionGroup var options: ConfigOption

  func run() throws { throw ExitCode(serve(configurationPath: options.config)) }
}

struct CheckConfig: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check-config", abstract: "Print the effective configuration, secrets masked; exit 78 with every mistake.")
  @OptionGroup var options: ConfigOption

  func run() throws {
    guard let configuration = loadConfiguration(options.config) else { throw ExitCode(ExitStatus.invalidConfiguration) }
    for warning in configuration.warnings { printError("warning: \(warning)") }
    print(configuration.text, terminator: "")
  }
}

/// Writes the table in `docs/configuration.md`.
struct ConfigDocs: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config-docs", abstract: "Print the documentation of every configuration key.", shouldDisplay: false)

  func run() { print(Configuration.documentation, terminator: "") }
}

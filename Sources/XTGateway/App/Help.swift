/// What `--help` prints, in lines of at most 79 columns.
enum Help {
  static let hint = "Try \"xtgateway --help\"."

  static func text(of command: Invocation.Command?) -> String {
    switch command {
    case nil: overview
    case .serve: serve
    case .checkConfig: checkConfig
    case .healthcheck: healthcheck
    case .configDocs: configDocs
    }
  }

  private static let overview = """
    An OpenAI-compatible gateway to XSTech.

    Usage: xtgateway [COMMAND] [--config PATH]

    Commands:
      serve          run the gateway (the default)
      check-config   print the effective configuration, or what is wrong with it
      healthcheck    ask the running gateway whether it can serve

    Options:
      --config PATH  the configuration file
      -h, --help     print this help, or that of a command
      --version      print the version

    The configuration is the file given with --config, else $XTGATEWAY_CONFIG, else
    config/config.json, else config.json, else defaults. Environment variables beat
    the file: XTGATEWAY_PORT=8080 sets "port", XTGATEWAY_UPSTREAM_BASE_URL sets
    "upstream.base_url", and so on.

    """

  private static let serve = """
    Runs the gateway. It logs to standard error, or to the file "log.file" names.

    Usage: xtgateway [serve] [--config PATH]

    Signals:
      TERM, INT      finish what is running, then end; the second one ends at once
      HUP            read the configuration again
      USR1           open the log file again, after it was moved away

    Exit status:
      0              ended after a signal
      69             cannot listen on the address
      78             the configuration is invalid; every mistake is named

    """

  private static let checkConfig = """
    Prints the effective configuration as JSON, secrets masked.

    Usage: xtgateway check-config [--config PATH]

    Exit status:
      0              the configuration is valid
      78             it is not; every mistake is named

    """

  private static let healthcheck = """
    Asks /health of the gateway that the configuration describes, on this machine.

    Usage: xtgateway healthcheck [--config PATH]

    Exit status:
      0              it is healthy
      1              it is not: unreachable, draining, or without a usable account

    """

  private static let configDocs = """
    Prints a table of every configuration key in Markdown.

    Usage: xtgateway config-docs

    """
}

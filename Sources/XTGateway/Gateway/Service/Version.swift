/// The version of this program, as `--version` and `/health` tell it.
public let gatewayVersion = "0.1.0"

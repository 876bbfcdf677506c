import Wire

/// The answer of `GET /health`.
struct Health {
  let status: Int
  private let word: String
  private let core: GatewayCore
  private let all: [Account]

  init(_ core: GatewayCore) {
    self.core = core
    all = core.desk.accounts
    let canServe = all.isEmpty || all.contains { !$0.isDead && $0.isEnabled && !$0.isDraining }
    word = core.isDraining ? "draining" : canServe ? "healthy" : "unavailable"
    status = word == "healthy" ? 200 : 503
  }

  func write(to buffer: ByteBuffer) {
    let now = core.loop.now
    let accounts = all.filter { !$0.isDraining }
    let ready = accounts.count { $0.canServe(now) && $0.inFlight < $0.capacity }
    let busy = accounts.count { $0.canServe(now) && $0.inFlight >= $0.capacity }
    let cooling = accounts.count { $0.stateName == "cooling" }
    let disabled = accounts.count { !$0.isEnabled }
    var writer = JSONWriter(buffer)
    writer.beginObject()
    writer.key("status")
    writer.string(word)
    Self.write([("cookie_pool_size", accounts.count)], to: &writer)
    writer.key("cookies")
    writer.beginObject()
    Self.write(
      [
        ("ready", ready), ("busy", busy), ("cooling", cooling), ("expired", accounts.count - ready - busy - cooling - disabled),
        ("disabled", disabled),
      ], to: &writer)
    writer.endObject()
    Self.write(
      [
        ("sessions", core.shared.sessions.withLock { $0.table.count }), ("in_flight", all.reduce(0) { $0 + $1.inFlight }),
        ("queued", core.desk.read { $0.waiting }),
        ("uptime_seconds", Int(max(now, core.shared.startedAt) - core.shared.startedAt) / 1000),
      ], to: &writer)
    writer.key("version")
    writer.string(gatewayVersion)
    writer.endObject()
  }

  private static func write(_ numbers: [(StaticString, Int)], to writer: inout JSONWriter) {
    for (name, value) in numbers {
      writer.key(name)
      writer.int(value)
    }
  }
}

import Wire

/// The answer of `GET /health`.
struct Health {
  let status: Int
  private let word: String
  private let core: GatewayCore

  init(_ core: GatewayCore) {
    self.core = core
    let canServe = core.pool.accounts.isEmpty || core.pool.accounts.contains(where: \.isEnabled)
    word = core.isDraining ? "draining" : canServe ? "healthy" : "unavailable"
    status = word == "healthy" ? 200 : 503
  }

  func write(to buffer: ByteBuffer) {
    let accounts = core.pool.accounts
    let disabled = accounts.count { !$0.isEnabled }
    let busy = accounts.count { $0.isEnabled && $0.inFlight >= $0.capacity }
    var writer = JSONWriter(buffer)
    writer.beginObject()
    writer.key("status")
    writer.string(word)
    let numbers: [(StaticString, Int)] = [("cookie_pool_size", accounts.count)]
    Self.write(numbers, to: &writer)
    writer.key("cookies")
    writer.beginObject()
    Self.write(
      [("ready", accounts.count - disabled - busy), ("busy", busy), ("cooling", 0), ("expired", 0), ("disabled", disabled)],
      to: &writer)
    writer.endObject()
    Self.write(
      [
        ("sessions", core.sessions.table.count), ("in_flight", core.pool.inFlight), ("queued", core.pool.waiting),
        ("uptime_seconds", Int((core.loop.now - core.startedAt) / 1000)),
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

import XSTech

/// What the log says of one request.
struct AccessRecord {
  let requestID: String
  let method: String
  let route: String
  let client: String
  /// On the loop's clock, in milliseconds; so is `firstPieceAt`.
  let startedAt: UInt64
  var key: String?
  var model: String?
  var account: String?
  var status = 0
  var isStream: Bool?
  var error: GatewayError?
  /// The client went away before the end.
  var isAbandoned = false
  var firstPieceAt: UInt64?
  var pieces = 0
  /// Accounts tried.
  var attempts = 0
  var usage: Usage?
  /// Of the response, its head included: what was written, or what the socket took of an answer that was broken off.
  var bytes = 0

  init(requestID: String, method: String, route: String, client: String, startedAt: UInt64) {
    (self.requestID, self.method, self.route, self.client) = (requestID, method, route, client)
    self.startedAt = startedAt
  }
}

/// One line a request. Never a token, a key or text of a message.
struct AccessLog {
  private let sink: LogSink

  init(_ sink: LogSink) { self.sink = sink }

  func write(_ record: AccessRecord, now: UInt64) {
    guard sink.writes(.info) else { return }
    let blame = record.isAbandoned ? Blame.client : record.error?.blame
    // 499 is nginx's: the client closed the connection.
    let status = record.isAbandoned ? 499 : record.status
    sink.write(
      .info, "request",
      [
        ("request_id", .text(record.requestID)), ("key", record.key.map(LogValue.text)), ("model", record.model.map(LogValue.text)),
        ("account", record.account.map(LogValue.text)), ("method", .text(record.method)), ("route", .text(record.route)),
        ("status", .int(status)), ("stream", record.isStream.map(LogValue.bool)),
        ("blame", blame.map { .text($0.rawValue) }), ("attempts", record.attempts > 0 ? .int(record.attempts) : nil),
        ("ttft_ms", record.firstPieceAt.map { .int(Int($0 - record.startedAt)) }),
        ("duration_ms", .int(Int(now - record.startedAt))),
        ("pieces", record.pieces > 0 ? .int(record.pieces) : nil), ("prompt_tokens", record.usage.map { .int($0.prompt) }),
        ("completion_tokens", record.usage.map { .int($0.completion) }), ("bytes", .int(record.bytes)),
        ("client", .text(record.client)),
        ("error", record.isAbandoned ? .text("client_closed") : record.error.map { .text($0.code) }),
      ])
  }
}

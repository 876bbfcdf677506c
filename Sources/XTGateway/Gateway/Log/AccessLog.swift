import Wire
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

  var blame: Blame? { isAbandoned ? .client : error?.blame }
  var errorCode: String? { isAbandoned ? "client_closed" : error?.code }
  /// 499 is nginx's: the client closed the connection.
  var shownStatus: Int { isAbandoned ? 499 : status }
}

/// One line a request. Never a token, a key or text of a message. Confined to one loop's thread.
struct AccessLog {
  private let sink: LogSink
  private let buffer = ByteBuffer(capacity: 512)

  init(_ sink: LogSink) { self.sink = sink }

  func write(_ record: AccessRecord, now: UInt64) {
    guard sink.writes(.info) else { return }
    buffer.removeAll()
    var line = LogLine(.info, sink.style, to: buffer)
    line.message("request")
    let milliseconds = { (time: UInt64) in Int(time - record.startedAt) }
    if line.isText {
      addText(record, milliseconds(now), record.firstPieceAt.map(milliseconds), to: &line)
    } else {
      addFields(record, milliseconds(now), record.firstPieceAt.map(milliseconds), to: &line)
    }
    line.end()
    sink.write(buffer)
  }

  /// Every field, in the order of the documentation.
  private func addFields(_ record: AccessRecord, _ duration: Int, _ ttft: Int?, to line: inout LogLine) {
    line.add("request_id", record.requestID)
    line.add("key", record.key)
    line.add("model", record.model)
    line.add("account", record.account)
    line.add("method", record.method)
    line.add("route", record.route)
    line.add("status", record.shownStatus)
    line.add("stream", record.isStream)
    line.add("blame", record.blame?.rawValue)
    line.add("attempts", record.attempts > 0 ? record.attempts : nil)
    line.add("ttft_ms", ttft)
    line.add("duration_ms", duration)
    line.add("pieces", record.pieces > 0 ? record.pieces : nil)
    line.add("prompt_tokens", record.usage?.prompt)
    line.add("completion_tokens", record.usage?.completion)
    line.add("bytes", record.bytes)
    line.add("client", record.client)
    line.add("error", record.errorCode)
  }

  /// What everybody looks for stands in columns; what is remarkable comes first behind them.
  private func addText(_ record: AccessRecord, _ duration: Int, _ ttft: Int?, to line: inout LogLine) {
    let status = record.shownStatus
    // A stream that ended with an error had begun with 200.
    let isBad = status >= 500 || (status < 400 && record.error != nil)
    line.column(status, 3) { isBad ? $0.red : status >= 400 ? $0.yellow : $0.green }
    line.column(record.method, 4)
    line.column(record.route, 20)
    line.column(duration, 6)
    line.unit("ms")
    line.add("error", record.errorCode)
    line.add("blame", record.blame?.rawValue)
    line.add("model", record.model)
    line.add("account", record.account)
    line.add("key", record.key)
    line.add("stream", record.isStream)
    line.add("attempts", record.attempts > 1 ? record.attempts : nil)
    line.add("ttft_ms", ttft)
    line.add("pieces", record.pieces > 0 ? record.pieces : nil)
    line.add("prompt_tokens", record.usage?.prompt)
    line.add("completion_tokens", record.usage?.completion)
    line.add("bytes", record.bytes)
    line.add("client", record.client)
    line.add("request_id", record.requestID)
  }
}

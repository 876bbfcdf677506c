import EventLoop
import HTTPServer
import Wire

/// Sends one answer: when its pieces are due, as far as the client takes them, and with the faults that were asked for.
final class CompletionStream: HTTPServerExchangeDelegate, PacedWork {
  /// - held → streaming, over (a substitute was sent, or the client left)
  /// - streaming → settling (the end is a cut), over
  /// - settling → over
  /// - over: final
  private enum Phase { case held, streaming, settling, over }

  /// Time for the last bytes to arrive before a cut, which may overtake them.
  private static let settlingMicroseconds: UInt64 = 20_000
  /// Writes of one stream in a turn where there is no pace: as from an upstream that is ahead of its reader.
  private static let turn = 8

  /// The server never breaks its own framing, so a cut inside a chunk needs another: the head ends here, and all that the
  /// server writes from now on, the rest of its head included, is data of one chunk that is never full. To a reader of events
  /// that rest is a comment, unknown fields and empty lines.
  private static let endlessChunk: StaticString = "transfer-encoding: chunked\r\n\r\nfffffff\r\n:"

  private let simulator: Simulator
  private let exchange: HTTPServerExchange
  private var job: Job
  private var phase = Phase.held
  private var begin: UInt64 = 0
  private var pieces = 0
  /// The text sent so far.
  private let text = ByteBuffer()
  /// Bytes that leave slice by slice.
  private let slices = ByteBuffer()
  private var endsAfterSlices = false
  private var isParked = false

  init(_ simulator: Simulator, _ exchange: HTTPServerExchange, _ job: Job) {
    (self.simulator, self.exchange, self.job) = (simulator, exchange, job)
  }

  func start() {
    exchange.delegate = self
    let now = Clock.monotonicMicroseconds()
    if job.faults.slowFirst > 0 {
      simulator.pacer.add(self, due: now + UInt64(job.faults.slowFirst) * 1000)
    } else if let due = run(now: now) {
      simulator.pacer.add(self, due: due)
    }
  }

  func run(now: UInt64) -> UInt64? {
    switch phase {
    case .held: open(now)
    case .streaming: stream(now)
    case .settling: cut()
    case .over: nil
    }
  }

  // MARK: the exchange

  func exchange(_ exchange: HTTPServerExchange, didReadBody body: ByteBuffer) {}

  func exchangeDidDrain(_ exchange: HTTPServerExchange) {
    guard isParked else { return }
    isParked = false
    simulator.pacer.add(self, due: Clock.monotonicMicroseconds())
  }

  func exchangeDidClose(_ exchange: HTTPServerExchange) { finish(.cancelled) }

  // MARK: the phases

  private func open(_ now: UInt64) -> UInt64? {
    if let substitute = job.faults.substitute {
      finish(.failed)
      let answer = Answer(substitute)
      exchange.respond(answer.head, body: answer.body)
      return nil
    }
    var head = HTTPResponseHead(status: 200)
    head.add(lines: "content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n")
    head.add(lines: Answer.serverLine)
    if job.faults.gzipHeader { head.add(lines: "content-encoding: gzip\r\n") }
    if case .truncate = job.faults.cut { head.add(lines: Self.endlessChunk) }
    phase = .streaming
    begin = now
    exchange.startStream(head)
    job.writer.opening(to: output)
    return now + job.pace.first
  }

  private func stream(_ now: UInt64) -> UInt64? {
    if exchange.isBackedUp {
      isParked = true
      return nil
    }
    if !slices.isEmpty { return sendSlice(now) }
    let batch = hasPace ? 1 : job.pace.batch
    var left = hasPace ? 1 : batch * Self.turn
    repeat {
      if let cut = job.faults.cut, pieces >= cut.pieces { return end(cut, now) }
      if job.faults.empty || !sendPiece() {
        if let cut = job.faults.cut { return end(cut, now) }
        complete()
        return slices.isEmpty ? nil : now
      }
      left -= 1
      // At once, not at the end of the callback: what is stamped leaves.
      if left % batch == 0 && job.faults.split == 0 { exchange.flush() }
    } while left > 0 && !exchange.isBackedUp
    return due(now)
  }

  /// Whether pieces leave one by one.
  private var hasPace: Bool { job.pace.interval > 0 || job.faults.split > 0 }

  /// When the next piece is due: at a fixed time from the beginning, whatever became of the earlier ones.
  private func due(_ now: UInt64) -> UInt64 {
    if !slices.isEmpty || job.pace.interval == 0 { return now }
    return begin + job.pace.first + UInt64(pieces) * job.pace.interval
  }

  private var output: ByteBuffer { job.faults.split > 0 ? slices : exchange.streamBuffer() }

  private func sendPiece() -> Bool {
    // A caller in OpenAI's form has no history, so its text need not be kept.
    if job.account == nil { text.removeAll() }
    let before = text.count
    guard job.script.next(into: text) else { return false }
    let out = output
    if job.faults.comments { job.writer.comment(pieces, to: out) }
    if job.faults.unknownEvents { job.writer.unknown(pieces, to: out) }
    job.writer.piece(UnsafeRawBufferPointer(rebasing: text.bytes[before...]), to: out)
    pieces += 1
    simulator.stats.pieces += 1
    return true
  }

  private func complete() {
    let out = output
    if job.faults.longAIText { text.append("（这一段只在 aiText 里：tail \"🎈\"）") }
    if job.faults.otherAIText {
      text.removeAll()
      text.append("（aiText 另有说法）")
    }
    if !job.faults.noObject && !job.faults.empty {
      let record = job.record(text.text, pieces: pieces, now: Clock.unixSeconds())
      job.writer.closing(record, session: job.session, to: out)
    }
    if !job.faults.noDone { job.writer.done(to: out) }
    if slices.isEmpty { conclude() } else { endsAfterSlices = true }
  }

  private func conclude() {
    finish(.finished)
    exchange.endStream()
  }

  private func sendSlice(_ now: UInt64) -> UInt64? {
    let count = min(job.faults.split, slices.count)
    exchange.streamBuffer().append(UnsafeRawBufferPointer(rebasing: slices.bytes[..<count]))
    slices.consume(count)
    guard slices.isEmpty else { return now }
    if endsAfterSlices {
      conclude()
      return nil
    }
    return due(now)
  }

  // MARK: early ends

  private func end(_ cut: Faults.Cut, _ now: UInt64) -> UInt64? {
    switch cut {
    case .error(_, let message):
      job.writer.failure(message, to: output)
      job.faults.cut = .close(after: 0)
      return now
    case .garbage:
      job.writer.line(#"{"code":0,"type":"string","data":"\u00 <garbage> 乱码"#, to: output)
      job.faults.cut = nil
      return now
    case .close:
      finish(.failed)
      exchange.endStream()
      return nil
    case .stall:
      // Nothing more comes; the exchange stays open until the client leaves.
      return nil
    case .reset, .truncate:
      phase = .settling
      return now + Self.settlingMicroseconds
    }
  }

  private func cut() -> UInt64? {
    finish(.failed)
    if case .truncate = job.faults.cut { exchange.endStream(close: true) } else { exchange.abort() }
    return nil
  }

  private func finish(_ outcome: Outcome) {
    guard phase != .over else { return }
    phase = .over
    let remembers = pieces > 0 || outcome == .finished
    let record = remembers ? job.record(text.text, pieces: pieces, now: Clock.unixSeconds()) : nil
    simulator.completionEnded(job, outcome, record)
  }
}

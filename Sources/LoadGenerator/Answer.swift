import Wire

/// Why an answer does not count.
enum Failure: Equatable {
  case connect(String)
  case status(Int)
  case malformed(String)
  /// The connection ended before the answer did.
  case closed, reset(String)
  /// Pieces missing, cut, doubled or out of order.
  case text
  /// Not the document that came before.
  case otherDocument
  case noDone, afterDone, inBandError(String), contentType, timeout

  /// The kind, as the report counts it.
  var kind: String {
    switch self {
    case .connect: "connect"
    case .status(let status): "status_\(status)"
    case .malformed: "malformed"
    case .closed: "closed"
    case .reset: "reset"
    case .text: "text"
    case .otherDocument: "other_document"
    case .noDone: "no_done"
    case .afterDone: "after_done"
    case .inBandError: "in_band_error"
    case .contentType: "content_type"
    case .timeout: "timeout"
    }
  }

  var detail: String {
    switch self {
    case .connect(let text), .malformed(let text), .reset(let text), .inBandError(let text): text
    case .status, .closed, .text, .otherDocument, .noDone, .afterDone, .contentType, .timeout: ""
    }
  }
}

/// Reads one answer in OpenAI's form and judges it.
struct AnswerReader {
  enum Expectation {
    /// Without a checker any text will do.
    case chat(isStreamed: Bool, SayChecker?)
    /// Any JSON; whether it is always the same is for the reader's owner to say.
    case document
  }

  private let isStreamed: Bool
  private let isDocument: Bool
  private var parser = ResponseParser()
  private var events = SSEDecoder(maxLineBytes: 16 << 20)
  private let body = ByteBuffer()
  private let content = ByteBuffer()
  private var checker: SayChecker?
  private var pattern: EventPattern?
  private var isDone = false
  private(set) var failure: Failure?
  /// Pieces, or events with text where pieces are not numbered.
  private(set) var pieces = 0

  init(_ expectation: Expectation) {
    switch expectation {
    case .chat(let isStreamed, let checker): (self.isStreamed, isDocument, self.checker) = (isStreamed, false, checker)
    case .document: (isStreamed, isDocument) = (false, true)
    }
  }

  var isComplete: Bool { parser.isComplete }
  var keepsAlive: Bool { parser.keepsAlive }
  /// The whole body of an answer that was not streamed.
  var document: UnsafeRawBufferPointer { body.bytes }
  /// The answer as a client keeps it, a JSON string with its quotes; nil for a streamed one.
  private(set) var message: ByteBuffer?
  /// For messages about refused requests.
  var bodyStart: String { String(decoding: body.bytes.prefix(300), as: UTF8.self) }

  /// Takes bytes; `onStamp` gets the stamp of each numbered piece that is complete now.
  mutating func feed(_ bytes: UnsafeRawBufferPointer, _ onStamp: (UInt64) -> Void) {
    // The parser is taken out meanwhile: what it hands out changes the rest.
    var parser = parser
    do {
      try parser.feed(bytes) { part, status in
        if isStreamed && status == 200 { readEvents(part, onStamp) } else { body.append(part) }
      }
    } catch { failure = failure ?? .malformed("\(error.reason)") }
    self.parser = parser
    if parser.isComplete && failure == nil { judge(onStamp) }
  }

  /// The connection ended.
  mutating func end(_ onStamp: (UInt64) -> Void) {
    guard failure == nil, !parser.isComplete else { return }
    if parser.mayEndByClosing { judge(onStamp) } else { failure = .closed }
  }

  // MARK: the text

  private mutating func readEvents(_ bytes: UnsafeRawBufferPointer, _ onStamp: (UInt64) -> Void) {
    guard failure == nil else { return }
    var (found, afterDone): (Failure?, Bool) = (nil, false)
    // Taken out meanwhile, as the parser is.
    var events = events
    defer { self.events = events }
    do {
      try events.feed(bytes) { data in
        if isDone {
          afterDone = true
          return false
        }
        if data.elementsEqual("[DONE]".utf8) {
          isDone = true
          return true
        }
        found = readEvent(data, onStamp)
        return found == nil
      }
    } catch { found = .malformed("\(error)") }
    failure = afterDone ? .afterDone : found
  }

  private mutating func readEvent(_ data: UnsafeRawBufferPointer, _ onStamp: (UInt64) -> Void) -> Failure? {
    let awaited = checker?.awaitsPiece ?? false
    if awaited, let stamp = pattern?.stamp(of: data, number: pieces) {
      onStamp(stamp)
      checker!.take()
      pieces += 1
      return nil
    }
    let before = pieces
    let failure = parseEvent(data, onStamp)
    if awaited && pattern == nil && failure == nil && pieces == before + 1 && checker!.holdsNothing {
      pattern = EventPattern(data, piece: content.bytes)
    }
    return failure
  }

  private mutating func parseEvent(_ data: UnsafeRawBufferPointer, _ onStamp: (UInt64) -> Void) -> Failure? {
    guard let root = try? JSONDocument(parsing: data).root else {
      return .malformed("an event that is no JSON: \(String(decoding: data.prefix(200), as: UTF8.self))")
    }
    if let error = root["error"] { return .inBandError(String(decoding: error.raw.prefix(300), as: UTF8.self)) }
    guard let choice = root["choices"]?.elements.first, let text = choice["delta"]?["content"] else { return nil }
    return readText(text, onStamp)
  }

  private mutating func readText(_ text: JSONValue, _ onStamp: (UInt64) -> Void) -> Failure? {
    content.removeAll()
    text.appendDecoded(to: content)
    guard !content.isEmpty else { return nil }
    guard checker != nil else {
      pieces += 1
      return nil
    }
    checker!.feed(content.bytes, onStamp)
    pieces = checker!.pieces
    return checker!.isWrong ? .text : nil
  }

  /// The HTTP message is complete: is the answer?
  private mutating func judge(_ onStamp: (UInt64) -> Void) {
    guard parser.status == 200 else { return failure = .status(parser.status) }
    let expected = isStreamed ? "text/event-stream" : "application/json"
    guard parser.contentType.lowercased().hasPrefix(expected) else { return failure = .contentType }
    if isDocument { return }
    if isStreamed {
      if !isDone { return failure = .noDone }
    } else {
      guard let root = try? JSONDocument(parsing: body.bytes).root,
        let text = root["choices"]?.elements.first?["message"]?["content"]
      else { return failure = .malformed("no message") }
      failure = readText(text, onStamp)
      message = ByteBuffer(capacity: text.raw.count)
      message?.append(text.raw)
    }
    if failure == nil && (checker.map { !$0.isWhole } ?? (pieces == 0)) { failure = .text }
  }
}

import Wire

/// One event of a completion's stream (`docs/upstream-protocol.md`, "A completion").
///
/// The bytes of `text` lie in what was decoded and are valid only as long as that is.
public enum Event {
  /// A piece of the answer: the inside of a valid JSON string literal, without its quotes; `hasEscapes` where a backslash stands in it.
  case text(UnsafeRawBufferPointer, hasEscapes: Bool)
  /// The record of the finished message.
  case record(Record)
  /// The completion failed: a `code` other than 0, with the upstream's own words.
  case failure(code: Int, message: String)
  /// `[DONE]`.
  case done
  /// A type that this version does not know; must be tolerated.
  case unknown
}

/// What a finished message says of itself. The bytes of `answer` lie in what was decoded and are valid only as long as that is.
public struct Record {
  /// The whole answer: the inside of a valid JSON string literal; empty where the record has none.
  public let answer: UnsafeRawBufferPointer
  public let hasEscapes: Bool
  public let usage: Usage?

  /// The answer's text, valid during the call.
  public func withText<Value>(_ read: (UnsafeRawBufferPointer) -> Value) -> Value {
    guard hasEscapes else { return read(answer) }
    let text = ByteBuffer(capacity: answer.count)
    JSONString.decode(answer, into: text)
    return read(text.bytes)
  }
}

/// Token counts of a message, as the upstream counts them.
public struct Usage: Equatable, Sendable {
  public var prompt: Int
  public var completion: Int
  public var total: Int

  public init(prompt: Int, completion: Int, total: Int) {
    (self.prompt, self.completion, self.total) = (prompt, completion, total)
  }
}

/// An event's data is neither `[DONE]` nor a JSON object of the known form.
public struct EventError: Error, Equatable {
  public let reason: String
}

extension Event {
  /// Decodes any event with the full parser.
  public static func decodeFully(_ data: UnsafeRawBufferPointer) throws(EventError) -> Event {
    if isDone(data) { return .done }
    let document: JSONDocument
    do { document = try JSONDocument(parsing: data) } catch { throw EventError(reason: "an event is not JSON: \(error)") }
    let event = document.root
    guard event.kind == .object else { throw EventError(reason: "an event is not a JSON object") }
    let code = Envelope.code(of: event)
    guard code == 0 else { return .failure(code: code, message: Envelope.message(of: event)) }
    guard let payload = event["data"], let type = event["type"] else { return .unknown }
    if type.isString("string"), let inside = payload.inside { return .text(inside, hasEscapes: !payload.isPlainString) }
    if type.isString("object"), payload.kind == .object { return .record(Record(payload)) }
    return .unknown
  }

  private static func isDone(_ data: UnsafeRawBufferPointer) -> Bool {
    // An object, most often.
    guard data.first != UInt8(ascii: "{") else { return false }
    func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    var rest = data[...]
    while let last = rest.last, isSpace(last) { rest.removeLast() }
    while let first = rest.first, isSpace(first) { rest.removeFirst() }
    return rest.count == 6 && UnsafeRawBufferPointer(rebasing: rest).starts(withText: "[DONE]")
  }
}

extension Record {
  init(_ value: JSONValue) {
    let prompt = value["promptTokens"]?.int
    let completion = value["completionTokens"]?.int
    var usage: Usage?
    if let prompt, let completion, prompt >= 0, completion >= 0 {
      let total = value["useTokens"]?.int ?? 0
      usage = Usage(prompt: prompt, completion: completion, total: total > 0 ? total : prompt &+ completion)
    }
    let text = value["aiText"]
    self.init(
      answer: text?.inside ?? UnsafeRawBufferPointer(start: nil, count: 0), hasEscapes: text?.isPlainString == false, usage: usage)
  }
}

import Wire

/// Token counts, in OpenAI's terms.
public struct CompletionUsage: Equatable, Sendable {
  public var promptTokens: Int
  public var completionTokens: Int
  public var totalTokens: Int

  public init(promptTokens: Int, completionTokens: Int, totalTokens: Int) {
    (self.promptTokens, self.completionTokens, self.totalTokens) = (promptTokens, completionTokens, totalTokens)
  }

  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writer.key("prompt_tokens")
    writer.int(promptTokens)
    writer.key("completion_tokens")
    writer.int(completionTokens)
    writer.key("total_tokens")
    writer.int(totalTokens)
    writer.endObject()
  }
}

/// What all answers to one request share.
public struct CompletionIdentity: Sendable {
  /// `chatcmpl-…`
  public var id: String
  /// Unix seconds.
  public var created: Int
  /// As the client asked for it.
  public var model: String

  public init(id: String, created: Int, model: String) { (self.id, self.created, self.model) = (id, created, model) }
}

/// Encodes `chat.completion.chunk` events. A piece is the inside of a JSON string literal already; it is put between a head that is
/// made once per stream and a tail that all streams share.
public struct ChunkEncoder: ~Copyable {
  /// `data: {"id":…,"choices":[{"index":0,"delta":{"content":"`, in one run, since every piece needs it whole. Valid as long as the encoder.
  public let contentHead: UnsafeRawBufferPointer
  /// How much of it is not about the choice.
  private let headBytes: Int
  private let includesUsage: Bool

  private static let contentDelta: StaticString = #"{"index":0,"delta":{"content":""#

  public init(_ identity: CompletionIdentity, includesUsage: Bool) {
    self.includesUsage = includesUsage
    let buffer = ByteBuffer(capacity: 256)
    buffer.append(#"data: {"id":"#)
    var writer = JSONWriter(buffer)
    writer.string(identity.id)
    buffer.append(#","object":"chat.completion.chunk","created":"#)
    buffer.append(decimal: identity.created)
    buffer.append(#","model":"#)
    writer = JSONWriter(buffer)
    writer.string(identity.model)
    buffer.append(#","choices":["#)
    headBytes = buffer.count
    buffer.append(Self.contentDelta)
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.count, alignment: 1)
    memory.copyMemory(from: buffer.bytes)
    contentHead = UnsafeRawBufferPointer(memory)
  }

  deinit { contentHead.deallocate() }

  private func append(_ delta: StaticString, to buffer: ByteBuffer) {
    buffer.append(UnsafeRawBufferPointer(rebasing: contentHead[..<headBytes]))
    buffer.append(delta)
  }

  private static let tail: StaticString = "\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n"
  private static let tailBeforeUsage: StaticString = "\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n"

  /// What stands behind the text in the delta of an unfinished choice, its closing quote first.
  public var contentTail: UnsafeRawBufferPointer {
    let tail = includesUsage ? Self.tailBeforeUsage : Self.tail
    return UnsafeRawBufferPointer(start: tail.utf8Start, count: tail.utf8CodeUnitCount)
  }

  /// The first chunk: the role.
  public func appendRole(to buffer: ByteBuffer) {
    append(#"{"index":0,"delta":{"role":"assistant","content":""#, to: buffer)
    buffer.append(contentTail)
  }

  /// - Parameter inside: the inside of a valid JSON string literal.
  public func appendContent(_ inside: UnsafeRawBufferPointer, to buffer: ByteBuffer) {
    buffer.append(contentHead, inside, contentTail)
  }

  /// - Parameter inside: the inside of a valid JSON string literal.
  public func appendReasoning(_ inside: UnsafeRawBufferPointer, to buffer: ByteBuffer) {
    append(#"{"index":0,"delta":{"reasoning_content":""#, to: buffer)
    buffer.append(inside)
    buffer.append(contentTail)
  }

  /// The end: the finish reason, then the usage (if it was asked for and is known), then `[DONE]`.
  public func appendEnd(usage: CompletionUsage?, to buffer: ByteBuffer) {
    append(#"{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]"#, to: buffer)
    if includesUsage { buffer.append(#","usage":null"#) }
    buffer.append("}\n\n")
    if includesUsage, let usage {
      append(#"],"usage":"#, to: buffer)
      var writer = JSONWriter(buffer)
      usage.write(to: &writer)
      buffer.append("}\n\n")
    }
    buffer.append("data: [DONE]\n\n")
  }

  /// A comment that keeps proxies and clients from giving up; no output.
  public static func appendKeepAlive(to buffer: ByteBuffer) { buffer.append(": keep-alive\n\n") }

  /// An error after the head is out. Nothing follows it.
  public static func appendError(_ error: ErrorBody, to buffer: ByteBuffer) {
    buffer.append("data: ")
    error.write(to: buffer)
    buffer.append("\n\n")
  }
}

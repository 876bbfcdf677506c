import Wire

/// Encodes a whole `chat.completion`, whose content is put in its place as it comes.
public struct CompletionEncoder {
  private let buffer: ByteBuffer
  /// Left out where nothing comes.
  private var reasoning = LazyByteBuffer()

  public init(_ identity: CompletionIdentity) {
    buffer = ByteBuffer(capacity: 1024)
    buffer.append(#"{"id":"#)
    var writer = JSONWriter(buffer)
    writer.string(identity.id)
    buffer.append(#","object":"chat.completion","created":"#)
    buffer.append(decimal: identity.created)
    buffer.append(#","model":"#)
    writer = JSONWriter(buffer)
    writer.string(identity.model)
    buffer.append(#","choices":[{"index":0,"message":{"role":"assistant","content":""#)
  }

  /// - Parameter inside: the inside of a JSON string literal; likewise of `appendReasoning`.
  public func appendContent(_ inside: UnsafeRawBufferPointer) { buffer.append(inside) }
  public mutating func appendReasoning(_ inside: UnsafeRawBufferPointer) { reasoning.append(inside) }

  /// The whole; nothing may be appended afterwards.
  public func finish(_ usage: CompletionUsage?) -> ByteBuffer {
    buffer.append(#"","refusal":null"#)
    if !reasoning.isEmpty {
      buffer.append(#","reasoning_content":""#)
      buffer.append(reasoning.bytes)
      buffer.append(#"""#)
    }
    buffer.append(#"},"logprobs":null,"finish_reason":"stop"}]"#)
    if let usage {
      buffer.append(#","usage":"#)
      var writer = JSONWriter(buffer)
      usage.write(to: &writer)
    }
    buffer.append(#"}"#)
    return buffer
  }
}

import Wire

/// Encodes a whole `chat.completion`.
public enum CompletionEncoder {
  /// - Parameters:
  ///   - content: the inside of a JSON string literal; likewise `reasoning`, which is left out where it is empty.
  public static func encode(
    _ identity: CompletionIdentity, content: UnsafeRawBufferPointer, reasoning: UnsafeRawBufferPointer, usage: CompletionUsage?
  ) -> ByteBuffer {
    let buffer = ByteBuffer(capacity: content.count + reasoning.count + 384)
    buffer.append(#"{"id":"#)
    var writer = JSONWriter(buffer)
    writer.string(identity.id)
    buffer.append(#","object":"chat.completion","created":"#)
    buffer.append(decimal: identity.created)
    buffer.append(#","model":"#)
    writer = JSONWriter(buffer)
    writer.string(identity.model)
    buffer.append(#","choices":[{"index":0,"message":{"role":"assistant","content":""#)
    buffer.append(content)
    buffer.append(#"","refusal":null"#)
    if reasoning.count > 0 {
      buffer.append(#","reasoning_content":""#)
      buffer.append(reasoning)
      buffer.append(#"""#)
    }
    buffer.append(#"},"logprobs":null,"finish_reason":"stop"}]"#)
    if let usage {
      buffer.append(#","usage":"#)
      writer = JSONWriter(buffer)
      usage.write(to: &writer)
    }
    buffer.append(#"}"#)
    return buffer
  }
}

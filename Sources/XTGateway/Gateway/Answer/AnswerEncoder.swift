import HTTPServer
import OpenAI
import Wire
import XSTech

/// A dialect's way of answering. One object an answer; it holds no rule but the dialect's form.
package protocol AnswerEncoder: AnyObject {
  /// Appends text as it goes to the client. `inside` is the inside of a valid JSON string literal.
  func content(_ inside: UnsafeRawBufferPointer)
  func reasoning(_ inside: UnsafeRawBufferPointer)
  /// A sign of life in a silence. A dialect that cannot send any before its answer is whole does nothing.
  func keepAlive()
  /// The answer's proper end.
  func finish(_ usage: Usage?)
  /// The answer's end by an error, after the head is out: the connection closes behind it.
  func fail(_ error: GatewayError)
  /// Whether the response's head is out, so that a failure can only be told in-band.
  var isCommitted: Bool { get }
}

extension CompletionUsage {
  init(_ usage: Usage) {
    self.init(promptTokens: usage.prompt, completionTokens: usage.completion, totalTokens: usage.total)
  }
}

/// `chat.completion.chunk` events.
final class OpenAIStreamEncoder: AnswerEncoder {
  private let exchange: HTTPServerExchange
  private let chunks: ChunkEncoder
  private let head: HTTPResponseHead
  private(set) var isCommitted = false
  private var hasRole = false

  init(_ exchange: HTTPServerExchange, head: HTTPResponseHead, identity: CompletionIdentity, includesUsage: Bool) {
    self.exchange = exchange
    self.head = head
    chunks = ChunkEncoder(identity, includesUsage: includesUsage)
  }

  private func begin() {
    isCommitted = true
    exchange.startStream(head)
  }

  /// Where the next chunk goes; the head and the role go out in front of the first.
  private func buffer() -> ByteBuffer {
    if !isCommitted { begin() }
    let buffer = exchange.streamBuffer()
    if !hasRole {
      hasRole = true
      chunks.appendRole(to: buffer)
    }
    return buffer
  }

  func content(_ inside: UnsafeRawBufferPointer) { chunks.appendContent(inside, to: buffer()) }
  func reasoning(_ inside: UnsafeRawBufferPointer) { chunks.appendReasoning(inside, to: buffer()) }

  func keepAlive() {
    if !isCommitted { begin() }
    ChunkEncoder.appendKeepAlive(to: exchange.streamBuffer())
  }

  func finish(_ usage: Usage?) {
    chunks.appendEnd(usage: usage.map(CompletionUsage.init), to: buffer())
    exchange.endStream()
  }

  func fail(_ error: GatewayError) {
    ChunkEncoder.appendError(error.body, to: exchange.streamBuffer())
    exchange.endStream(close: true)
  }
}

/// One `chat.completion`, when it is whole.
final class OpenAICompletionEncoder: AnswerEncoder {
  private let exchange: HTTPServerExchange
  private let head: HTTPResponseHead
  private let identity: CompletionIdentity
  private let text = ByteBuffer()
  private let thoughts = ByteBuffer()

  init(_ exchange: HTTPServerExchange, head: HTTPResponseHead, identity: CompletionIdentity) {
    (self.exchange, self.head, self.identity) = (exchange, head, identity)
  }

  var isCommitted: Bool { false }
  func content(_ inside: UnsafeRawBufferPointer) { text.append(inside) }
  func reasoning(_ inside: UnsafeRawBufferPointer) { thoughts.append(inside) }
  func keepAlive() {}

  func finish(_ usage: Usage?) {
    exchange.respond(
      head, body: CompletionEncoder.encode(identity, content: text.bytes, reasoning: thoughts.bytes, usage: usage.map(CompletionUsage.init)))
  }

  func fail(_ error: GatewayError) { preconditionFailure("nothing is out before the answer is whole: the failure is a response of its own") }
}

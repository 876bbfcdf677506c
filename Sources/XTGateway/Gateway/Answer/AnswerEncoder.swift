import EventLoop
import HTTPServer
import OpenAI
import Wire
import XSTech

/// A dialect's way of answering. One object an answer; it holds no rule but the dialect's form.
public protocol AnswerEncoder: AnyObject {
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
  /// Names what the next text will touch.
  func addTouched(to list: inout PrefetchList)
}

extension AnswerEncoder {
  public func addTouched(to list: inout PrefetchList) {}
}

extension CompletionUsage {
  init(_ usage: Usage) {
    self.init(promptTokens: usage.prompt, completionTokens: usage.completion, totalTokens: usage.total)
  }
}

/// Where a streamed answer's bytes go.
protocol AnswerStream: AnyObject {
  /// Sends the response's head; once.
  func begin(_ head: HTTPResponseHead)
  /// Where to append what goes out next; valid until the running callback ends.
  func buffer() -> ByteBuffer
  /// Appends three runs there: what nearly every piece of text needs, in one step.
  func append(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, _ third: UnsafeRawBufferPointer)
  func end(close: Bool)
}

extension HTTPServerExchange: AnswerStream {
  func begin(_ head: HTTPResponseHead) { startStream(head) }
  func buffer() -> ByteBuffer { streamBuffer() }
  func append(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, _ third: UnsafeRawBufferPointer) {
    appendToStream(first, second, third)
  }
  func end(close: Bool) { endStream(close: close) }
}

/// `chat.completion.chunk` events.
final class OpenAIStreamEncoder<Stream: AnswerStream>: AnswerEncoder {
  private let stream: Stream
  /// Until it is sent.
  private var head: HTTPResponseHead?
  private let chunks: ChunkEncoder
  private var hasRole = false

  init(_ stream: Stream, head: HTTPResponseHead, identity: CompletionIdentity, includesUsage: Bool) {
    self.stream = stream
    self.head = head
    chunks = ChunkEncoder(identity, includesUsage: includesUsage)
  }

  var isCommitted: Bool { head == nil }

  func addTouched(to list: inout PrefetchList) {
    list.add(self, bytes: 128)
    if let head = chunks.contentHead.baseAddress { list.add(head, bytes: chunks.contentHead.count) }
  }

  private func commit() {
    guard let head else { return }
    self.head = nil
    stream.begin(head)
  }

  /// Where the next chunk goes; the head and the role go out in front of the first.
  private func buffer() -> ByteBuffer {
    commit()
    let buffer = stream.buffer()
    if !hasRole {
      hasRole = true
      chunks.appendRole(to: buffer)
    }
    return buffer
  }

  func content(_ inside: UnsafeRawBufferPointer) {
    if !hasRole { _ = buffer() }
    stream.append(chunks.contentHead, inside, chunks.contentTail)
  }

  func reasoning(_ inside: UnsafeRawBufferPointer) { chunks.appendReasoning(inside, to: buffer()) }

  func keepAlive() {
    commit()
    ChunkEncoder.appendKeepAlive(to: stream.buffer())
  }

  func finish(_ usage: Usage?) {
    chunks.appendEnd(usage: usage.map(CompletionUsage.init), to: buffer())
    stream.end(close: false)
  }

  func fail(_ error: GatewayError) {
    ChunkEncoder.appendError(error.body, to: stream.buffer())
    stream.end(close: true)
  }
}

/// One `chat.completion`, when it is whole.
final class OpenAICompletionEncoder: AnswerEncoder {
  private let exchange: HTTPServerExchange
  private let head: HTTPResponseHead
  private var completion: CompletionEncoder

  init(_ exchange: HTTPServerExchange, head: HTTPResponseHead, identity: CompletionIdentity) {
    (self.exchange, self.head) = (exchange, head)
    completion = CompletionEncoder(identity)
  }

  var isCommitted: Bool { false }
  func content(_ inside: UnsafeRawBufferPointer) { completion.appendContent(inside) }
  func reasoning(_ inside: UnsafeRawBufferPointer) { completion.appendReasoning(inside) }
  func keepAlive() {}

  func finish(_ usage: Usage?) {
    exchange.respond(head, body: completion.finish(usage.map(CompletionUsage.init)))
  }

  func fail(_ error: GatewayError) {
    preconditionFailure("nothing is out before the answer is whole: the failure is a response of its own")
  }
}

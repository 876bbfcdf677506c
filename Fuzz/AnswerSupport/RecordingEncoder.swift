import FuzzSupport
import Gateway
import Wire
import XSTech

/// Keeps what it is told, and holds every piece against what a JSON string may hold.
public final class RecordingEncoder: AnswerEncoder {
  public enum Call: Equatable { case content([UInt8]), reasoning([UInt8]) }

  public private(set) var calls: [Call] = []
  public private(set) var content: [UInt8] = []
  public private(set) var reasoning: [UInt8] = []

  public init() {}

  public func content(_ inside: UnsafeRawBufferPointer) {
    calls.append(.content(Array(inside)))
    content += decoded(inside)
  }

  public func reasoning(_ inside: UnsafeRawBufferPointer) {
    calls.append(.reasoning(Array(inside)))
    reasoning += decoded(inside)
  }

  public func keepAlive() { fatalError("broken: a keep-alive from within the translation") }
  public func finish(_ usage: Usage?) { fatalError("broken: an end from within the translation") }
  public func fail(_ error: GatewayError) { fatalError("broken: an end from within the translation") }
  public var isCommitted: Bool { !calls.isEmpty }

  private func decoded(_ inside: UnsafeRawBufferPointer) -> [UInt8] {
    let literal = ByteBuffer("\"")
    literal.append(inside)
    literal.append(UInt8(ascii: "\""))
    let end = JSONString.end(of: literal.bytes, from: 1)
    require(end?.closingQuote == literal.count - 1, "a piece is the inside of a JSON string: \(literal.text)")
    let text = ByteBuffer()
    JSONString.decode(inside, into: text)
    return Array(text.bytes)
  }
}

@testable import Wire

/// Responses of one connection, read as a client does.
struct HTTPResponseTestReader: Equatable {
  struct Message: Equatable {
    var head: HTTPReceivedHead
    var body = ""
    var keepsAlive = false
    var isComplete = false
  }

  enum End: Equatable { case clean, cutOff, failed(HTTPResponseError) }

  private(set) var messages: [Message] = []
  private(set) var end = End.clean
  /// Chunks that were taken in one step. Of no account when two readings are compared.
  private(set) var singleChunks = 0

  static func == (one: Self, other: Self) -> Bool { one.messages == other.messages && one.end == other.end }

  /// Reads `chunks` one after another, each from memory of exactly its length that is spoilt afterwards, and then the connection's end.
  /// - Parameter holds: every piece of body is refused once before it is taken.
  init(_ chunks: [[UInt8]], maxHeaderBytes: Int = 1000, answersHead: Bool = false, holds: Bool = false) {
    var parser = HTTPResponseParser(maxHeaderBytes: maxHeaderBytes, answersHead: answersHead)
    do throws(HTTPResponseError) {
      for chunk in chunks {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk.count, alignment: 1)
        copy.copyBytes(from: chunk)
        defer {
          copy.initializeMemory(as: UInt8.self, repeating: 0xAA)
          copy.deallocate()
        }
        var rest = UnsafeRawBufferPointer(copy)
        try read(&rest, &parser, holds)
      }
    } catch {
      end = .failed(error)
      return
    }
    guard messages.last?.isComplete == false || parser.hasBegun else { return }
    if parser.finish() { close(parser.keepsAlive) } else { end = .cutOff }
  }

  init(_ text: String, maxHeaderBytes: Int = 1000, answersHead: Bool = false) {
    self.init([Array(text.utf8)], maxHeaderBytes: maxHeaderBytes, answersHead: answersHead)
  }

  private mutating func take(_ bytes: UnsafeRawBufferPointer) {
    messages[messages.count - 1].body += bytes.map { String(UnicodeScalar($0)) }.joined()
  }

  private mutating func read(_ rest: inout UnsafeRawBufferPointer, _ parser: inout HTTPResponseParser, _ holds: Bool)
    throws(HTTPResponseError)
  {
    var holdsNow = holds
    if !holds, let data = parser.takeSingleChunk(rest) {
      singleChunks += 1
      return take(data)
    }
    while true {
      switch try parser.next(&rest, holdsBody: holdsNow) {
      case .more: return
      case .head: messages.append(Message(head: parser.head()))
      case .body(let bytes): take(bytes)
      case .held:
        holdsNow = false
        continue
      case .end:
        close(parser.keepsAlive)
        parser.reset()
        if rest.isEmpty { return }
      }
      holdsNow = holds
    }
  }

  private mutating func close(_ keepsAlive: Bool) {
    messages[messages.count - 1].keepsAlive = keepsAlive
    messages[messages.count - 1].isComplete = true
  }
}

import FuzzSupport
import Wire

/// Responses as a connection brings them, up to its end: the same however they are cut and wherever the reader pauses.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = UnsafeRawBufferPointer(start: bytes, count: count)
  var splits = Splits(for: input)
  // Every other input meets a limit that it can reach.
  let limit = splits.next(below: 2) == 0 ? 1 << 16 : 120
  let answersHead = splits.next(below: 8) == 0
  let whole = ResponseStream(input, parts: count > 0 ? [count] : [], limit: limit, answersHead: answersHead, pauses: nil)
  for round in 0..<3 {
    let pauses = round == 2 ? splits : nil
    let split = ResponseStream(input, parts: splits.parts(of: count), limit: limit, answersHead: answersHead, pauses: pauses)
    require(split.end == whole.end, "split differently: \(whole.end) and \(split.end)")
    require(split.messages == whole.messages, "split differently: \(whole.messages) and \(split.messages)")
  }
  for message in whole.messages {
    require((200...599).contains(message.head.status), "only final responses are told of")
    require(!answersHead || message.body.isEmpty, "answers to HEAD have no body")
    require(message.head.status != 204 && message.head.status != 304 || message.body.isEmpty, "nor have these")
  }
  return 0
}

struct ResponseStream {
  struct Message: Equatable {
    let head: HTTPReceivedHead
    var body: [UInt8] = []
    var isComplete = false
    var keepsAlive = false
  }
  enum End: Equatable { case clean, cutOff, failed(HTTPResponseError) }

  private(set) var messages: [Message] = []
  private(set) var end = End.clean

  init(_ input: UnsafeRawBufferPointer, parts: [Int], limit: Int, answersHead: Bool, pauses: Splits?) {
    var parser = HTTPResponseParser(maxHeaderBytes: limit, answersHead: answersHead)
    var pauses = pauses
    var failure: HTTPResponseError?
    forEachPart(parts, of: input) { part in
      do throws(HTTPResponseError) { try read(part, &parser, &pauses) } catch { failure = error }
      return failure == nil
    }
    if let failure {
      end = .failed(failure)
    } else if parser.hasBegun {
      if parser.finish() { close(parser.keepsAlive) } else { end = .cutOff }
    }
  }

  private mutating func read(_ part: UnsafeRawBufferPointer, _ parser: inout HTTPResponseParser, _ pauses: inout Splits?)
    throws(HTTPResponseError)
  {
    var rest = part
    while true {
      let holds = pauses?.next(below: 2) == 0
      let before = rest.count
      switch try parser.next(&rest, holdsBody: holds) {
      case .more:
        require(rest.isEmpty, "everything is taken before more is asked for")
        return
      case .head: messages.append(Message(head: parser.head()))
      case .body(let bytes):
        require(!bytes.isEmpty && bytes.baseAddress! >= part.baseAddress!, "a body is a part of the input")
        require(bytes.baseAddress! + bytes.count == part.baseAddress! + (part.count - rest.count), "right before the rest")
        messages[messages.count - 1].body += bytes
      case .held: require(holds && rest.count <= before && !rest.isEmpty, "nothing is held unasked")
      case .end:
        close(parser.keepsAlive)
        parser.reset()
        if rest.isEmpty { return }
      }
    }
  }

  private mutating func close(_ keepsAlive: Bool) {
    messages[messages.count - 1].isComplete = true
    messages[messages.count - 1].keepsAlive = keepsAlive
  }
}

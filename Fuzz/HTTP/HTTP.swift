import FuzzSupport
import Wire

/// Requests as a connection brings them, bodies included: the same however they are cut, and what is accepted is beyond doubt.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = UnsafeRawBufferPointer(start: bytes, count: count)
  var splits = Splits(for: input)
  // Every other input meets limits that it can reach.
  let limits =
    splits.next(below: 2) == 0
    ? HTTPRequestParser.Limits() : HTTPRequestParser.Limits(maxHeaderBytes: 160, maxHeaders: 4, maxURLBytes: 30)
  let bodyLimit = splits.next(below: 2) == 0 ? 1 << 20 : 12

  let whole = RequestStream(input, parts: count > 0 ? [count] : [], limits: limits, bodyLimit: bodyLimit)
  for _ in 0..<3 {
    let split = RequestStream(input, parts: splits.parts(of: count), limits: limits, bodyLimit: bodyLimit)
    if let difference = whole.difference(from: split) { fatalError("split differently: \(difference)") }
  }
  for message in whole.messages { check(message, bodyLimit: bodyLimit) }
  return 0
}

private func check(_ message: RequestStream.Message, bodyLimit: Int) {
  let head = message.head
  require(!head.path.isEmpty, "a path is never empty")
  require(head.path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "a target is printable ASCII")
  for (name, value) in head.headers.fields {
    require(!name.isEmpty && name.utf8.allSatisfy(isTokenByte), "a field's name is a token")
    require(value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }, "a field's value holds no control character")
    require(value.first != " " && value.first != "\t" && value.last != " " && value.last != "\t", "a value is trimmed")
  }
  let lengths = head.headers.all("content-length")
  let codings = head.headers.all("transfer-encoding")
  require(head.minorVersion == 0 || head.headers.all("host").count == 1, "one Host")
  require(message.body.count <= bodyLimit, "the body keeps to its limit")
  switch head.framing {
  case .none: require(lengths.isEmpty && codings.isEmpty, "no body without a word")
  case .length(let length):
    require(codings.isEmpty && lengths.count == 1 && UInt64(lengths[0]) == UInt64(length), "one Content-Length, and nothing else")
    require(message.isComplete ? message.body.count == length : message.body.count < length, "as long as it says")
  case .chunked:
    require(lengths.isEmpty && head.minorVersion == 1, "chunked alone, and in HTTP/1.1")
    require(codings.joined().lowercased().filter { $0.isLetter } == "chunked", "chunked once")
  }
  checkRewritten(head)
}

/// A head that was accepted, written out plainly, reads the same.
private func checkRewritten(_ head: HTTPRequestHead) {
  guard head.path.hasPrefix("/") else { return }
  let text = ByteBuffer("\(head.method.text) \(head.path)\(head.query.map { "?" + $0 } ?? "") HTTP/1.\(head.minorVersion)\r\n")
  for (name, value) in head.headers.fields { text.append("\(name): \(value)\r\n") }
  text.append("\r\n")
  // Values that are not UTF-8 were repaired on the way, and are longer now.
  let limits = HTTPRequestParser.Limits(maxHeaderBytes: 1 << 20, maxHeaders: 1000, maxURLBytes: 1 << 20)
  let again = RequestStream(text.bytes, parts: [text.count], limits: limits)
  require(again.messages.count == 1, "what was accepted is accepted when it is written plainly: \(again.end)")
  let other = again.messages[0].head
  require(other.path == head.path && other.query == head.query && other.framing == head.framing, "and means the same")
  require(other.keepsAlive == head.keepsAlive && other.expectsContinue == head.expectsContinue, "and means the same")
}

private func isTokenByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
  default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
  }
}

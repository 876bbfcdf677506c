import FuzzSupport
import Wire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Reads inputs from stdin up to its end, each behind its length (four bytes, big-endian), and writes a line of JSON for each: what the
/// request parser and the body decoder make of it. Bodies are hexadecimal; in field values, what is not UTF-8 is replaced.
func run() {
  let input = ByteBuffer()
  while true {
    let count = read(0, input.reserve(65536).baseAddress!, 65536)
    guard count > 0 else { break }
    input.commit(count)
  }
  let output = ByteBuffer()
  while let length = takeLength(input) {
    guard length <= input.count else { fatalError("the last input is not complete") }
    let stream = RequestStream(
      UnsafeRawBufferPointer(rebasing: input.bytes[..<length]), parts: length > 0 ? [length] : [], bodyLimit: 1 << 24)
    input.consume(length)
    write(stream, to: output)
    if output.count > 65536 || input.isEmpty { flush(output) }
  }
}

private func takeLength(_ input: ByteBuffer) -> Int? {
  guard input.count >= 4 else { return nil }
  let length = input.bytes[..<4].reduce(0) { $0 << 8 | Int($1) }
  input.consume(4)
  return length
}

private func flush(_ output: ByteBuffer) {
  while !output.isEmpty {
    let count = write(1, output.bytes.baseAddress!, output.count)
    guard count > 0 else { fatalError("cannot write to stdout") }
    output.consume(count)
  }
}

private func write(_ stream: RequestStream, to buffer: ByteBuffer) {
  var json = JSONWriter(buffer)
  json.beginObject()
  json.key("end")
  switch stream.end {
  case .clean: json.string("clean")
  case .inHead: json.string("head")
  case .inBody: json.string("body")
  case .failed(let error): json.string("failed: \(reason(error))")
  }
  json.key("messages")
  json.beginArray()
  for message in stream.messages { write(message, to: &json) }
  json.endArray()
  json.endObject()
  buffer.append("\n")
}

private func write(_ message: RequestStream.Message, to json: inout JSONWriter) {
  let head = message.head
  json.beginObject()
  json.key("method")
  json.string(head.method.text)
  json.key("target")
  json.string(head.query.map { "\(head.path)?\($0)" } ?? head.path)
  json.key("minor")
  json.int(head.minorVersion)
  json.key("keeps_alive")
  json.bool(head.keepsAlive)
  json.key("fields")
  json.beginArray()
  for (name, value) in head.headers.fields {
    json.beginArray()
    json.string(name)
    json.string(value)
    json.endArray()
  }
  json.endArray()
  json.key("complete")
  json.bool(message.isComplete)
  json.key("body")
  json.string(message.body.withUnsafeBytes { hexadecimal($0) })
  json.endObject()
}

private func reason(_ error: HTTPRequestError) -> String {
  switch error {
  case .malformed(let rule): rule
  case .headerTooLarge: "431"
  case .targetTooLong: "414"
  case .bodyTooLarge: "413"
  case .unsupportedTransferCoding: "501"
  case .unsupportedVersion: "505"
  }
}

private func hexadecimal(_ bytes: UnsafeRawBufferPointer) -> String {
  let digits = Array("0123456789abcdef".utf8)
  return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

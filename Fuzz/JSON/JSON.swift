import FuzzSupport
import Wire

/// JSON texts: what is accepted can be written out again and reads the same, and every view lies within the text.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let text = copy(UnsafeRawBufferPointer(start: bytes, count: count))
  defer { text.deallocate() }
  let maxDepth = 16
  guard let document = read(UnsafeRawBufferPointer(text), maxDepth) else { return 0 }
  require(String(validating: text, as: UTF8.self) != nil, "a text that is accepted is UTF-8")

  let first = ByteBuffer()
  var nodes = 0
  write(document.root, in: UnsafeRawBufferPointer(text), to: first, depth: 1, &nodes)
  guard let again = read(first.bytes, maxDepth) else { fatalError("broken: what was written is refused: \(first.text)") }
  let second = ByteBuffer()
  var nodesAgain = 0
  write(again.root, in: first.bytes, to: second, depth: 1, &nodesAgain)
  require(first.bytes.elementsEqual(second.bytes) && nodes == nodesAgain, "\(first.text) and \(second.text)")
  return 0
}

private func copy(_ bytes: UnsafeRawBufferPointer) -> UnsafeMutableRawBufferPointer {
  let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
  copy.copyMemory(from: bytes)
  return copy
}

private func read(_ bytes: UnsafeRawBufferPointer, _ maxDepth: Int) -> JSONDocument? {
  do throws(JSONError) {
    return try JSONDocument(parsing: bytes, maxDepth: maxDepth)
  } catch {
    require(error.offset >= 0 && error.offset <= max(bytes.count, 1), "an error lies within the text")
    return nil
  }
}

/// Writes `value` plainly, checking what its views say of it.
private func write(_ value: JSONValue, in text: UnsafeRawBufferPointer, to buffer: ByteBuffer, depth: Int, _ nodes: inout Int) {
  require(depth <= 17, "the depth is bounded")
  nodes += 1
  let raw = value.raw
  require(
    raw.count > 0 && raw.baseAddress! >= text.baseAddress! && raw.baseAddress! + raw.count <= text.baseAddress! + text.count,
    "within")
  var writer = JSONWriter(ByteBuffer())
  switch value.kind {
  case .object:
    writer.beginObject()
    let members = value.members
    require(members.count == value.count && value.elements.isEmpty, "as many members as counted")
    for (key, member) in members {
      guard let name = key.string else { fatalError("broken: a member's name is a string") }
      require(value.member(named: name) != nil, "a member is found by its name")
      writer.key(name)
      write(nested(member, text, depth, &nodes), with: &writer)
    }
    writer.endObject()
  case .array:
    writer.beginArray()
    require(value.elements.count == value.count && value.members.isEmpty, "as many elements as counted")
    for element in value.elements { write(nested(element, text, depth, &nodes), with: &writer) }
    writer.endArray()
  case .string:
    checkString(value)
    writer.string(value.string ?? "")
  case .number:
    if let int = value.int, int.magnitude < 1 << 53 {
      require(value.double == Double(int), "\(int) is \(String(describing: value.double))")
    }
    writer.raw(raw)
  case .true: writer.bool(true)
  case .false: writer.bool(false)
  case .null: writer.null()
  }
  buffer.append(writer.buffer.bytes)
}

private func nested(_ value: JSONValue, _ text: UnsafeRawBufferPointer, _ depth: Int, _ nodes: inout Int) -> ByteBuffer {
  let buffer = ByteBuffer()
  write(value, in: text, to: buffer, depth: depth + 1, &nodes)
  return buffer
}

/// The buffer lives as long as its bytes are used, which a temporary one would not.
private func write(_ json: ByteBuffer, with writer: inout JSONWriter) {
  withExtendedLifetime(json) { writer.raw(json.bytes) }
}

private func checkString(_ value: JSONValue) {
  let end = JSONString.end(of: value.raw, from: 1)
  require(end?.closingQuote == value.raw.count - 1 && end?.hasEscapes == !value.isPlainString, "the scanner agrees with the parser")
  let decoded = ByteBuffer()
  value.appendDecoded(to: decoded)
  require(String(validating: decoded.bytes, as: UTF8.self) == value.string, "both ways to decode agree")
}

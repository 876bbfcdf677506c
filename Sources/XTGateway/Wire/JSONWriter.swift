/// Writes one JSON value to a buffer, commas and colons included. Nothing is checked but that strings are escaped:
/// the caller opens and closes in pairs.
public struct JSONWriter {
  public let buffer: ByteBuffer
  /// A value was completed in the innermost container, so that whatever comes next needs a comma before it.
  private var needsComma = false

  public init(_ buffer: ByteBuffer) { self.buffer = buffer }

  public mutating func beginObject() { begin(UInt8(ascii: "{")) }
  public mutating func endObject() { end(UInt8(ascii: "}")) }
  public mutating func beginArray() { begin(UInt8(ascii: "[")) }
  public mutating func endArray() { end(UInt8(ascii: "]")) }

  /// A name that needs no escape.
  public mutating func key(_ name: StaticString) {
    let count = name.utf8CodeUnitCount
    assert(JSONEscaping.plainRun(name.utf8Start, 0, count) == count, "a member's name needs escapes")
    enclose(UnsafeRawBufferPointer(start: name.utf8Start, count: count))
    buffer.append(UInt8(ascii: ":"))
    needsComma = false
  }

  /// Disfavored, so that a literal is not a `String`.
  @_disfavoredOverload public mutating func key(_ name: String) {
    var name = name
    name.withUTF8 { string(UnsafeRawBufferPointer($0)) }
    buffer.append(UInt8(ascii: ":"))
    needsComma = false
  }

  public mutating func string(_ text: String) {
    var text = text
    text.withUTF8 { string(UnsafeRawBufferPointer($0)) }
  }

  /// UTF-8 bytes as a string.
  public mutating func string(_ utf8: UnsafeRawBufferPointer) {
    // Longer ones would have to be looked through twice up to their first escape.
    if utf8.count <= 256, let base = utf8.baseAddress, JSONEscaping.plainRun(base, 0, utf8.count) == utf8.count {
      return enclose(utf8)
    }
    comma()
    buffer.append(UInt8(ascii: "\""))
    buffer.append(jsonEscaping: utf8)
    buffer.append(UInt8(ascii: "\""))
  }

  /// Writes text that needs no escape, at one stroke.
  private mutating func enclose(_ utf8: UnsafeRawBufferPointer) {
    guard let room = buffer.reserve(utf8.count + 3).baseAddress else { return }
    var length = 0
    if needsComma {
      room.storeBytes(of: UInt8(ascii: ","), as: UInt8.self)
      length = 1
    }
    room.storeBytes(of: UInt8(ascii: "\""), toByteOffset: length, as: UInt8.self)
    if let text = utf8.baseAddress { (room + length + 1).copyMemory(from: text, byteCount: utf8.count) }
    length += utf8.count + 2
    room.storeBytes(of: UInt8(ascii: "\""), toByteOffset: length - 1, as: UInt8.self)
    buffer.commit(length)
    needsComma = true
  }

  /// What `text` appends as a string; it must need no escape.
  public mutating func string(plain text: (ByteBuffer) -> Void) {
    comma()
    buffer.append(UInt8(ascii: "\""))
    text(buffer)
    buffer.append(UInt8(ascii: "\""))
  }

  public mutating func int(_ value: Int) {
    comma()
    buffer.append(decimal: value)
  }

  /// Finite doubles in the shortest form that reads back the same; anything else as null.
  public mutating func double(_ value: Double) {
    guard value.isFinite else { return null() }
    comma()
    // Most are small whole numbers; -0 is not one.
    if value.magnitude < 1e6, let whole = Int(exactly: value), whole != 0 || value.sign == .plus {
      buffer.append(decimal: whole)
      return buffer.append(".0")
    }
    // Swift's description is the shortest that reads back, and always `1.0`, `1e-07`, `1e+16`: all of them JSON.
    buffer.append(value.description)
  }

  public mutating func bool(_ value: Bool) { raw(value ? "true" : "false") }
  public mutating func null() { raw("null") }

  private mutating func raw(_ word: StaticString) {
    comma()
    buffer.append(word)
  }

  /// A value that is JSON already.
  public mutating func raw(_ json: UnsafeRawBufferPointer) {
    comma()
    buffer.append(json)
  }

  private mutating func begin(_ bracket: UInt8) {
    comma()
    buffer.append(bracket)
    needsComma = false
  }

  private mutating func end(_ bracket: UInt8) {
    buffer.append(bracket)
    needsComma = true
  }

  private mutating func comma() {
    if needsComma { buffer.append(UInt8(ascii: ",")) }
    needsComma = true
  }
}

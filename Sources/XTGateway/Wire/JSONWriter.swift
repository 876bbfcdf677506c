/// Writes one JSON value to a buffer, commas and colons included. Nothing is checked but that strings are escaped:
/// the caller opens and closes in pairs.
package struct JSONWriter {
  package let buffer: ByteBuffer
  package init(_ buffer: ByteBuffer) { fatalError("stub") }
  package mutating func beginObject() { fatalError("stub") }
  package mutating func endObject() { fatalError("stub") }
  package mutating func beginArray() { fatalError("stub") }
  package mutating func endArray() { fatalError("stub") }
  package mutating func key(_ name: StaticString) { fatalError("stub") }
  package mutating func key(_ name: String) { fatalError("stub") }
  package mutating func string(_ text: String) { fatalError("stub") }
  /// UTF-8 bytes as a string.
  package mutating func string(_ utf8: UnsafeRawBufferPointer) { fatalError("stub") }
  package mutating func int(_ value: Int) { fatalError("stub") }
  /// Finite doubles in the shortest form that reads back the same; anything else as null.
  package mutating func double(_ value: Double) { fatalError("stub") }
  package mutating func bool(_ value: Bool) { fatalError("stub") }
  package mutating func null() { fatalError("stub") }
  /// A value that is JSON already.
  package mutating func raw(_ json: UnsafeRawBufferPointer) { fatalError("stub") }
}

extension ByteBuffer {
  /// Appends `utf8` escaped as the inside of a JSON string, without quotes (RFC 8259, section 7; the shortest escapes).
  package func append(jsonEscaping utf8: UnsafeRawBufferPointer) { fatalError("stub") }
}

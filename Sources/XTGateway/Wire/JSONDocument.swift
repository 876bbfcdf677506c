/// Why a text is not JSON (RFC 8259), and where.
package struct JSONError: Error, Equatable, CustomStringConvertible {
  /// In words, fit for an error message: "expected ',' or '}'".
  package let reason: String
  /// Byte offset of the first wrong byte.
  package let offset: Int
  package init(reason: String, offset: Int) { (self.reason, self.offset) = (reason, offset) }
  package var description: String { "\(reason) at byte \(offset)" }
}

/// An index over a JSON text that it does not own: structure, depth, numbers, escapes and UTF-8 are checked once, strictly;
/// afterwards values are views. Valid only as long as the bytes are.
package struct JSONDocument {
  package init(parsing bytes: UnsafeRawBufferPointer, maxDepth: Int = 64) throws(JSONError) { fatalError("stub") }
  package var root: JSONValue { fatalError("stub") }
}

/// A view of one value in a `JSONDocument`.
package struct JSONValue {
  package enum Kind: UInt8, Sendable { case object, array, string, number, `true`, `false`, null }
  package var kind: Kind { fatalError("stub") }
  /// The token as it stands in the text; a string with its quotes.
  package var raw: UnsafeRawBufferPointer { fatalError("stub") }
  /// Number of members or elements; 0 for anything else.
  package var count: Int { fatalError("stub") }
  /// The member called `name` (compared after decoding escapes); the last of several; nil where there is none or this is no object.
  package subscript(_ name: StaticString) -> JSONValue? { fatalError("stub") }
  /// An object's members in order (empty for anything else).
  package var members: [(key: JSONValue, value: JSONValue)] { fatalError("stub") }
  /// An array's elements in order (empty for anything else).
  package var elements: [JSONValue] { fatalError("stub") }
  /// A string's text, escapes decoded, a lone surrogate as U+FFFD; nil for anything else.
  package var string: String? { fatalError("stub") }
  /// Appends a string's decoded UTF-8 to `buffer`; does nothing for anything else.
  package func appendDecoded(to buffer: ByteBuffer) { fatalError("stub") }
  /// True for a string that holds no escape, so that `raw` without its quotes is its text.
  package var isPlainString: Bool { fatalError("stub") }
  package var double: Double? { fatalError("stub") }
  /// The exact integer, also of `1.0` and `1e2`; nil for a fraction, an overflow or anything else.
  package var int: Int? { fatalError("stub") }
  package var bool: Bool? { fatalError("stub") }
}

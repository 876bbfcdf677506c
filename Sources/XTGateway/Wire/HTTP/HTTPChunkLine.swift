/// `chunk-size [ chunk-ext ] CRLF` (RFC 9112, section 7.1), byte by byte. Extensions are checked and dropped.
struct HTTPChunkLine: Equatable {
  private enum State: Equatable {
    /// → itself, `beforeSemicolon`, `beforeName`, `lineFeed`.
    case size(digits: Int)
    /// White space that only an extension may follow → `beforeName`.
    case beforeSemicolon
    /// → `name`.
    case beforeName
    /// → `afterName`, `beforeValue`, `beforeName`, `lineFeed`.
    case name
    /// White space behind a name → `beforeValue`, `beforeName`.
    case afterName
    /// → `value`, `quoted`.
    case beforeValue
    /// → `beforeSemicolon`, `beforeName`, `lineFeed`.
    case value
    /// → `escaped`, `afterQuoted`.
    case quoted
    /// → `quoted`.
    case escaped
    /// → `beforeSemicolon`, `beforeName`, `lineFeed`.
    case afterQuoted
    /// The CR has come.
    case lineFeed
  }

  private var state = State.size(digits: 0)
  private(set) var size = 0

  var isInExtension: Bool {
    switch state {
    case .size, .lineFeed: false
    case .beforeSemicolon, .beforeName, .name, .afterName, .beforeValue, .value, .quoted, .escaped, .afterQuoted: true
    }
  }

  /// - Returns: whether this was the last byte of the line.
  mutating func take(_ byte: UInt8) throws(HTTPRequestError) -> Bool {
    switch state {
    case .size(let digits):
      try takeSize(byte, digits)
    case .beforeSemicolon:
      if byte == UInt8(ascii: ";") { state = .beforeName } else { try requireWhiteSpace(byte) }
    case .beforeName:
      if HTTPCharacters.isToken(byte) { state = .name } else { try requireWhiteSpace(byte) }
    case .name:
      if byte == UInt8(ascii: "=") {
        state = .beforeValue
      } else if HTTPCharacters.isWhiteSpace(byte) {
        state = .afterName
      } else if !HTTPCharacters.isToken(byte) {
        try endElement(byte)
      }
    case .afterName:
      switch byte {
      case UInt8(ascii: "="): state = .beforeValue
      case UInt8(ascii: ";"): state = .beforeName
      default: try requireWhiteSpace(byte)
      }
    case .beforeValue:
      if byte == UInt8(ascii: "\"") {
        state = .quoted
      } else if HTTPCharacters.isToken(byte) {
        state = .value
      } else {
        try requireWhiteSpace(byte)
      }
    case .value:
      if !HTTPCharacters.isToken(byte) { try endElement(byte) }
    case .quoted:
      if byte == UInt8(ascii: "\"") {
        state = .afterQuoted
      } else if byte == UInt8(ascii: "\\") {
        state = .escaped
      } else if !HTTPCharacters.isFieldValue(byte) {
        throw Self.malformedExtension
      }
    case .escaped:
      guard HTTPCharacters.isFieldValue(byte) else { throw Self.malformedExtension }
      state = .quoted
    case .afterQuoted:
      try endElement(byte)
    case .lineFeed:
      guard byte == HTTPCharacters.lineFeed else { throw .malformed("a chunk's size line does not end with CR LF") }
      return true
    }
    return false
  }

  private mutating func takeSize(_ byte: UInt8, _ digits: Int) throws(HTTPRequestError) {
    if let digit = ASCII.hexadecimal(byte) {
      // Fifteen digits cannot overflow, and leading zeros come to an end.
      guard digits < 15 else { throw .malformed("a chunk size is too large") }
      size = size << 4 | Int(digit)
      state = .size(digits: digits + 1)
    } else {
      guard digits > 0 else { throw .malformed("a chunk size is missing") }
      try endElement(byte)
    }
  }

  /// What may follow a size, a name or a value.
  private mutating func endElement(_ byte: UInt8) throws(HTTPRequestError) {
    switch byte {
    case UInt8(ascii: ";"): state = .beforeName
    case UInt8(ascii: " "), UInt8(ascii: "\t"): state = .beforeSemicolon
    case HTTPCharacters.carriageReturn: state = .lineFeed
    default: throw .malformed("a chunk's size line holds a character that is not allowed")
    }
  }

  private func requireWhiteSpace(_ byte: UInt8) throws(HTTPRequestError) {
    guard HTTPCharacters.isWhiteSpace(byte) else { throw Self.malformedExtension }
  }

  private static var malformedExtension: HTTPRequestError { .malformed("a chunk extension is not valid") }
}

/// The trailer section and the empty line behind it (RFC 9112, section 7.1.2), byte by byte. The fields are checked and dropped.
struct HTTPTrailerLines: Equatable {
  private enum State: Equatable {
    /// → `name`, `lastLineFeed`.
    case lineStart
    /// → `value`.
    case name
    /// → `lineFeed`.
    case value
    /// → `lineStart`.
    case lineFeed
    /// The CR of the empty line has come.
    case lastLineFeed
  }

  private var state = State.lineStart

  /// - Returns: whether this was the last byte of the body.
  mutating func take(_ byte: UInt8) throws(HTTPRequestError) -> Bool {
    switch state {
    case .lineStart:
      if byte == HTTPCharacters.carriageReturn {
        state = .lastLineFeed
      } else {
        guard HTTPCharacters.isToken(byte) else { throw .malformed("a trailer's name is not a token") }
        state = .name
      }
    case .name:
      if byte == UInt8(ascii: ":") {
        state = .value
      } else if !HTTPCharacters.isToken(byte) {
        throw .malformed("a trailer's name is not a token")
      }
    case .value:
      if byte == HTTPCharacters.carriageReturn {
        state = .lineFeed
      } else if !HTTPCharacters.isFieldValue(byte) {
        throw .malformed("a trailer's value holds a control character")
      }
    case .lineFeed:
      guard byte == HTTPCharacters.lineFeed else { throw .malformed("a trailer does not end with CR LF") }
      state = .lineStart
    case .lastLineFeed:
      guard byte == HTTPCharacters.lineFeed else { throw .malformed("the trailers do not end with CR LF") }
      return true
    }
    return false
  }
}

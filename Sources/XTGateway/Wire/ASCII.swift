package enum ASCII {
  /// An unsigned decimal number: digits only, no sign, no space; nil if empty, anything else stands in it, or it overflows `Int`.
  package static func decimal(_ bytes: UnsafeRawBufferPointer) -> Int? { fatalError("stub") }
  /// Compares without regard to the case of ASCII letters.
  package static func equalsIgnoringCase(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool { fatalError("stub") }
}

package enum UTF8Validation {
  /// The offset of the first byte that is not part of well-formed UTF-8 (no surrogates, no overlong forms); nil if all is well.
  package static func firstInvalid(_ bytes: UnsafeRawBufferPointer) -> Int? { fatalError("stub") }
}

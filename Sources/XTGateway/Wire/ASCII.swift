package enum ASCII {
  /// An unsigned decimal number: digits only, no sign, no space; nil if empty, anything else stands in it, or it overflows `Int`.
  package static func decimal(_ bytes: UnsafeRawBufferPointer) -> Int? {
    guard !bytes.isEmpty else { return nil }
    var value = 0
    for byte in bytes {
      let digit = byte &- UInt8(ascii: "0")
      guard digit <= 9 else { return nil }
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(Int(digit))
      guard !overflow && !carry else { return nil }
      value = sum
    }
    return value
  }

  /// Compares without regard to the case of ASCII letters.
  package static func equalsIgnoringCase(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    text.withUTF8Buffer { text in
      guard bytes.count == text.count else { return false }
      for index in 0..<text.count where lowercase(bytes[index]) != lowercase(text[index]) { return false }
      return true
    }
  }

  /// `A`…`Z` as `a`…`z`; any other byte as it is.
  @inlinable package static func lowercase(_ byte: UInt8) -> UInt8 {
    byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
  }

  /// The value of a hexadecimal digit of either case; nil for anything else.
  @inlinable package static func hexadecimal(_ byte: UInt8) -> UInt8? {
    let digit = byte &- UInt8(ascii: "0")
    if digit <= 9 { return digit }
    let letter = (byte | 0x20) &- UInt8(ascii: "a")
    return letter < 6 ? letter + 10 : nil
  }
}

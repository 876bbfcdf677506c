/// Numbers as RFC 8259, section 6, writes them.
enum JSONNumber {
  /// The index behind the number that begins at `start`; `~index` (a negative number) of the byte where a digit is missing,
  /// or of the digit that follows a leading zero.
  static func end(of bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    var index = start
    if bytes[index] == UInt8(ascii: "-") { index += 1 }
    if byte(bytes, index) == UInt8(ascii: "0") {
      index += 1
      if isDigit(byte(bytes, index)) { return ~index }
    } else {
      guard skipDigits(bytes, &index) else { return ~index }
    }
    if byte(bytes, index) == UInt8(ascii: ".") {
      index += 1
      guard skipDigits(bytes, &index) else { return ~index }
    }
    if byte(bytes, index) | 0x20 == UInt8(ascii: "e") {
      index += 1
      if byte(bytes, index) == UInt8(ascii: "+") || byte(bytes, index) == UInt8(ascii: "-") { index += 1 }
      guard skipDigits(bytes, &index) else { return ~index }
    }
    return index
  }

  /// What `end` refused at `offset`.
  static func error(of bytes: UnsafeRawBufferPointer, at offset: Int) -> JSONError {
    JSONError(reason: isDigit(byte(bytes, offset)) ? "a number begins with a zero" : "a number lacks a digit", offset: offset)
  }

  /// The byte at `index`, 0 behind the end.
  @inline(__always) private static func byte(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> UInt8 {
    index < bytes.count ? bytes[index] : 0
  }

  /// Steps over digits; false if there is none.
  @inline(__always) private static func skipDigits(_ bytes: UnsafeRawBufferPointer, _ index: inout Int) -> Bool {
    let first = index
    while isDigit(byte(bytes, index)) { index += 1 }
    return index > first
  }

  static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") <= 9 }

  /// The exact integer that a valid number stands for; nil if it has a fraction or does not fit.
  static func integer(_ number: UnsafeRawBufferPointer) -> Int? {
    let isNegative = number.first == UInt8(ascii: "-")
    var digits: [UInt8] = []
    var exponent = 0
    var hasPoint = false
    var index = isNegative ? 1 : 0
    while index < number.count, number[index] | 0x20 != UInt8(ascii: "e") {
      if number[index] == UInt8(ascii: ".") {
        hasPoint = true
      } else {
        if !digits.isEmpty || number[index] != UInt8(ascii: "0") { digits.append(number[index] - UInt8(ascii: "0")) }
        if hasPoint { exponent -= 1 }
      }
      index += 1
    }
    if digits.isEmpty { return 0 }
    exponent = exponent &+ self.exponent(UnsafeRawBufferPointer(rebasing: number[index...]))
    while digits.last == 0 {
      digits.removeLast()
      exponent += 1
    }
    guard exponent >= 0, digits.count + exponent <= 19 else { return nil }
    digits.append(contentsOf: repeatElement(0, count: exponent))
    var value = 0
    for digit in digits {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.subtractingReportingOverflow(Int(digit))
      if overflow || carry { return nil }
      value = sum
    }
    // Built as a negative number, whose range is the greater one.
    return isNegative ? value : value == .min ? nil : -value
  }

  /// The number behind an `e`, held within ±2^40, which no document's digits can make up for; 0 if there is none.
  private static func exponent(_ part: UnsafeRawBufferPointer) -> Int {
    var value = 0
    for byte in part where isDigit(byte) { value = min(value * 10 + Int(byte - UInt8(ascii: "0")), 1 << 40) }
    return part.count > 1 && part[1] == UInt8(ascii: "-") ? -value : value
  }

  /// The nearest double; nil if the number is too large for one.
  static func double(_ number: UnsafeRawBufferPointer) -> Double? {
    guard let value = Double(String(decoding: number, as: UTF8.self)), value.isFinite else { return nil }
    return value
  }
}

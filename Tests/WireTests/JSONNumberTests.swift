import Testing

@testable import Wire

@Suite struct JSONNumberTests {
  @Test(arguments: [
    ("0", 0), ("-0", 0), ("-0.0", 0), ("7", 7), ("-7", -7), ("1.0", 1), ("1e2", 100), ("1E+2", 100), ("1.5e1", 15), ("100e-2", 1),
    ("-2.50e2", -250), ("0e999999999999999999999", 0), ("0.000e-999999999999999999999", 0), ("9223372036854775807", Int.max),
    ("-9223372036854775808", Int.min), ("9223372036854775807.0", Int.max), ("922337203685477580.7e1", Int.max),
    ("-9.223372036854775808e18", Int.min), ("1000000000000000000", 1_000_000_000_000_000_000), ("1e18", 1_000_000_000_000_000_000),
    ("0.0000000000000000000000001e25", 1), ("10000000000000000000000000e-25", 1),
  ])
  func exactIntegers(text: String, value: Int) throws { #expect(try withJSON(text) { $0.int } == value) }

  @Test(arguments: [
    "0.5", "1e-1", "1.5", "-1.25e1", "9223372036854775808", "-9223372036854775809", "1e19", "1e400", "-1e99999999999999999999999",
    "1e-99999999999999999999999", "9.3e18", "123456789012345678901234567890",
  ])
  func noIntegers(text: String) throws { #expect(try withJSON(text) { $0.int } == nil) }

  @Test func doubles() throws {
    for (text, value) in [
      ("0", 0.0), ("-0.0", -0.0), ("1", 1), ("0.1", 0.1), ("-1.5e3", -1500), ("1e23", 1e23),
      ("5e-324", Double.leastNonzeroMagnitude), ("1e-400", 0),
      ("1.7976931348623157e308", Double.greatestFiniteMagnitude), ("2.2250738585072014e-308", Double.leastNormalMagnitude),
      ("9007199254740993", 9_007_199_254_740_992), ("0.30000000000000004", 0.1 + 0.2),
    ] {
      #expect(try withJSON(text) { $0.double?.bitPattern } == value.bitPattern, "\(text)")
    }
    // No double stands for these.
    for text in ["1e400", "-1e400", "1.8e308"] { #expect(try withJSON(text) { $0.double } == nil) }
  }
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A request line, taken apart: `method SP request-target SP HTTP-version` (RFC 9112, section 3), with exactly one space.
struct HTTPRequestLine {
  let method: HTTPMethod
  let target: HTTPTarget
  let minorVersion: Int

  static let longestMethod = 32

  init(_ line: UnsafeRawBufferPointer, maxURLBytes: Int) throws(HTTPRequestError) {
    let space = UInt8(ascii: " ")
    guard let first = line.firstIndex(of: space), first > 0, first <= Self.longestMethod else {
      throw .malformed("the request line has no method")
    }
    let token = UnsafeRawBufferPointer(rebasing: line[..<first])
    for byte in token where !HTTPCharacters.isToken(byte) { throw .malformed("the method is not a token") }
    let rest = UnsafeRawBufferPointer(rebasing: line[(first + 1)...])
    guard let second = rest.firstIndex(of: space), second > 0 else {
      throw .malformed("the request line lacks a target or a version")
    }
    minorVersion = try Self.minorVersion(UnsafeRawBufferPointer(rebasing: rest[(second + 1)...]))
    guard second <= maxURLBytes else { throw .targetTooLong }
    method = HTTPMethod(token: token)
    target = try HTTPTarget(UnsafeRawBufferPointer(rebasing: rest[..<second]), method: method)
  }

  /// `HTTP/` DIGIT `.` DIGIT, case-sensitive (RFC 9112, section 2.3).
  private static func minorVersion(_ text: UnsafeRawBufferPointer) throws(HTTPRequestError) -> Int {
    let name: StaticString = "HTTP/"
    guard text.count == 8, memcmp(text.baseAddress!, name.utf8Start, 5) == 0, text[6] == UInt8(ascii: "."),
      HTTPCharacters.isDigit(text[5]), HTTPCharacters.isDigit(text[7])
    else { throw .malformed("the request line does not end with a version") }
    guard text[5] == UInt8(ascii: "1") else { throw .unsupportedVersion }
    return text[7] == UInt8(ascii: "0") ? 0 : 1
  }
}

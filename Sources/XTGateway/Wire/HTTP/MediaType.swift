/// Media types (RFC 9110, section 8.3.1).
package enum MediaType {
  /// Type and subtype of a `Content-Type` value in lower case, without parameters.
  package static func essence(of text: String) -> String {
    let utf8 = text.utf8
    let end = utf8.firstIndex { $0 == UInt8(ascii: ";") || $0 == UInt8(ascii: " ") } ?? utf8.endIndex
    let type = text[..<end]
    // Nearly always it is in lower case already, and looking for that is much cheaper.
    return type.utf8.contains { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) } ? type.lowercased() : String(type)
  }
}

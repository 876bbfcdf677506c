import CCurl
import Wire

/// Header lines for requests, made once and shared (libcurl's list): "authorization: …". Control bytes in them become spaces, so
/// that nothing can be injected. Lines that libcurl would add by itself (`Expect`, a form's content type) are suppressed.
package final class HTTPClientHeaders {
  private(set) var list: UnsafeMutablePointer<curl_slist>?

  package init(_ lines: [String]) {
    for line in lines { append(Self.clean(line)) }
    append("Expect:")
    if !lines.contains(where: Self.isContentType) { append("Content-Type:") }
  }

  deinit { curl_slist_free_all(list) }

  private func append(_ line: String) {
    guard let longer = curl_slist_append(list, line) else { fatalError("out of memory: cannot add a header line") }
    list = longer
  }

  private static func clean(_ line: String) -> String {
    func isControl(_ byte: UInt8) -> Bool { (byte < 0x20 && byte != 0x09) || byte == 0x7f }
    guard line.utf8.contains(where: isControl) else { return line }
    return String(decoding: line.utf8.map { isControl($0) ? 0x20 : $0 }, as: UTF8.self)
  }

  private static func isContentType(_ line: String) -> Bool {
    var name = String(line.prefix { $0 != ":" })
    return name.withUTF8 { ASCII.equalsIgnoringCase(UnsafeRawBufferPointer($0), "content-type") }
  }
}

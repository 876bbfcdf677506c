import CCurl
import Wire

/// Header lines for requests, made once and shared: "authorization: …". Control bytes in them become spaces, so that nothing can be
/// injected.
public final class HTTPClientHeaders {
  /// The lines as they are sent, each with its end.
  let block = ByteBuffer()
  private let lines: [String]
  /// The same for libcurl. Lines that it would add by itself (`Expect`, a form's content type) are suppressed.
  private(set) lazy var list: UnsafeMutablePointer<curl_slist>? = makeList()
  private var hasList = false

  public init(_ lines: [String]) {
    self.lines = lines.map(Self.clean)
    for line in self.lines {
      block.append(line)
      block.append("\r\n")
    }
  }

  deinit { if hasList { curl_slist_free_all(list) } }

  private func makeList() -> UnsafeMutablePointer<curl_slist>? {
    hasList = true
    var list: UnsafeMutablePointer<curl_slist>?
    for line in lines + ["Expect:"] + (lines.contains(where: Self.isContentType) ? [] : ["Content-Type:"]) {
      guard let longer = curl_slist_append(list, line) else { fatalError("out of memory: cannot add a header line") }
      list = longer
    }
    return list
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

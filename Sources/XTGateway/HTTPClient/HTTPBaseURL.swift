import CCurl
import Wire

/// Where requests go, taken apart once: scheme, host, port and what stands in front of every path. Read by libcurl's own rules.
public final class HTTPBaseURL {
  final class Parts {
    let isTLS: Bool
    /// As in a `Host` field: the port only where it is not the scheme's own, an IPv6 address in brackets.
    let authority: String
    /// What to connect to, as a URL.
    let origin: String
    /// Path and query, "" for the root.
    let prefix: String
    /// The request line's end and the `Host` field, as they are sent.
    let hostLine: ByteBuffer

    init(isTLS: Bool, authority: String, origin: String, prefix: String) {
      (self.isTLS, self.authority, self.origin, self.prefix) = (isTLS, authority, origin, prefix)
      hostLine = ByteBuffer(" HTTP/1.1\r\nHost: \(authority)\r\n")
    }
  }

  let text: String
  let parts: Result<Parts, Failure>

  struct Failure: Error {
    let words: String
  }

  public init(_ text: String) {
    self.text = text
    do throws(Failure) { parts = .success(try Self.parse(text)) } catch { parts = .failure(error) }
  }

  private static func parse(_ text: String) throws(Failure) -> Parts {
    guard let url = curl_url() else { throw Failure(words: "out of memory") }
    defer { curl_url_cleanup(url) }
    let code = curl_url_set(url, CURLUPART_URL, text, 0)
    guard code == CURLUE_OK else { throw Failure(words: String(cString: curl_url_strerror(code))) }
    guard let scheme = part(url, CURLUPART_SCHEME), scheme == "http" || scheme == "https" else {
      throw Failure(words: "neither http nor https")
    }
    guard let host = part(url, CURLUPART_HOST), !host.isEmpty else { throw Failure(words: "no host") }
    guard part(url, CURLUPART_USER) == nil, part(url, CURLUPART_PASSWORD) == nil else {
      throw Failure(words: "user information in a URL is not supported")
    }
    let isTLS = scheme == "https"
    let port = part(url, CURLUPART_PORT)
    let authority = port.map { $0 == (isTLS ? "443" : "80") ? host : "\(host):\($0)" } ?? host
    let path = part(url, CURLUPART_PATH) ?? "/"
    let query = part(url, CURLUPART_QUERY).map { "?\($0)" } ?? ""
    return Parts(
      isTLS: isTLS, authority: authority, origin: "\(scheme)://\(host)\(port.map { ":\($0)" } ?? "")/",
      prefix: path == "/" && query.isEmpty ? "" : path + query)
  }

  /// nil: absent.
  private static func part(_ url: OpaquePointer, _ part: CURLUPart) -> String? {
    var text: UnsafeMutablePointer<CChar>?
    guard curl_url_get(url, part, &text, 0) == CURLUE_OK, let text else { return nil }
    defer { curl_free(text) }
    return String(cString: text)
  }
}

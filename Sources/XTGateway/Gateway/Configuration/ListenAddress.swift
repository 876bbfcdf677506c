/// `host:port`; an IPv6 address stands in brackets.
public struct ListenAddress: Equatable, Sendable {
  public let host: String
  public let port: Int

  public init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), (0...65535).contains(port),
      text[text.index(after: colon)...].utf8.allSatisfy({ (48...57).contains($0) })
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() } else if host.contains(":") { return nil }
    guard !host.isEmpty else { return nil }
    (self.host, self.port) = (String(host), port)
  }
}

import Testing
import Wire

@testable import Gateway

@Suite("Client addresses") struct ClientAddressTests {
  /// The address that a request with these `X-Forwarded-For` lines comes from.
  private func client(_ peer: String, _ lines: [String], trusted: [String]) throws -> String {
    var parser = HTTPRequestParser(limits: .init())
    let text = "GET / HTTP/1.1\r\nHost: a\r\n" + lines.map { "X-Forwarded-For: \($0)\r\n" }.joined() + "\r\n"
    var taken = 0
    let head = try Array(text.utf8).withUnsafeBytes { try parser.parse($0, consumed: &taken) }
    return clientAddress(of: peer, try #require(head).headers, trusted: try trusted.map { try #require(IPNetwork($0)) })
  }

  @Test(arguments: [
    ("192.0.2.9", [], "192.0.2.9"),
    ("10.0.0.1", [], "10.0.0.1"),
    ("10.0.0.1", ["192.0.2.1"], "192.0.2.1"),
    // What a client writes itself stands to the left.
    ("10.0.0.1", ["198.51.100.7, 192.0.2.1"], "192.0.2.1"),
    ("10.0.0.1", ["198.51.100.7", "192.0.2.1"], "192.0.2.1"),
    ("10.0.0.1", ["192.0.2.1", "10.0.0.2"], "192.0.2.1"),
    ("10.0.0.1", ["192.0.2.1,10.0.0.2 ,\t10.0.0.3"], "192.0.2.1"),
    ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
    // Only a proxy that is trusted is believed.
    ("192.0.2.9", ["198.51.100.7"], "192.0.2.9"),
    ("192.0.2.9", ["10.0.0.1"], "192.0.2.9"),
    ("10.0.0.1", ["192.0.2.1:4711"], "192.0.2.1"),
    ("10.0.0.1", ["[2001:DB8:0::7]:4711"], "2001:db8::7"),
    ("10.0.0.1", ["[2001:db8::7]"], "2001:db8::7"),
    ("10.0.0.1", ["2001:db8::7"], "2001:db8::7"),
    ("10.0.0.1", ["::ffff:192.0.2.1"], "192.0.2.1"),
    ("2001:db8:1::1", ["192.0.2.1, ::ffff:10.1.1.1"], "192.0.2.1"),
    ("::ffff:10.0.0.1", ["192.0.2.1"], "192.0.2.1"),
  ]) func found(_ peer: String, _ lines: [String], _ client: String) throws {
    #expect(try self.client(peer, lines, trusted: ["10.0.0.0/8", "2001:db8:1::/48"]) == client)
  }

  @Test(arguments: [
    "", ",", ", ,", "unknown", "_hidden", "192.0.2.1 evil", "192.0.2.1\u{1B}[31m", "192.0.2.1\"", "::g", "127.1", "192.0.2.1:port",
    "[::1",
    "192.0.2.1:99999", "for=192.0.2.1", "192.0.2.1;", "\u{FF11}92.0.2.1", String(repeating: "9", count: 5000),
    String(repeating: ",", count: 5000), "198.51.100.7, nonsense", "%31%39%32.0.2.1", "level=critical msg=\"pwned\"",
  ]) func garbageLeavesTheLastProxy(_ line: String) throws {
    #expect(clientAddress(of: "10.0.0.1", nil, trusted: []) == "10.0.0.1")
    guard !line.utf8.contains(0x1B) else { return }
    #expect(try client("10.0.0.1", [line], trusted: ["10.0.0.1"]) == "10.0.0.1")
    #expect(try client("10.0.0.1", [line, "192.0.2.1"], trusted: ["10.0.0.1"]) == "192.0.2.1")
    #expect(try client("10.0.0.1", [line, "10.0.0.2"], trusted: ["10.0.0.0/8"]) == "10.0.0.2")
    #expect(try client("10.0.0.1", [line], trusted: []) == "10.0.0.1")
  }
}

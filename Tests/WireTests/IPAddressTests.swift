import Foundation
import Testing

@testable import Wire

@Suite("IP addresses") struct IPAddressTests {
  @Test(arguments: [
    ("0.0.0.0", "0.0.0.0"), ("192.0.2.1", "192.0.2.1"), ("255.255.255.255", "255.255.255.255"),
    ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
    ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
    ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"), ("0:0:1:0:0:0:1:0", "0:0:1::1:0"),
    ("fe80::0001", "fe80::1"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
    ("::ffff:192.0.2.1", "192.0.2.1"), ("::FFFF:c000:0201", "192.0.2.1"), ("0:0:0:0:0:ffff:10.0.0.1", "10.0.0.1"),
    ("::192.0.2.1", "::c000:201"),
  ]) func accepted(_ text: String, _ canonical: String) throws {
    let address = try #require(IPAddress(text))
    #expect(address.description == canonical)
    #expect(IPAddress(canonical) == address)
    #expect(address.isV4 == canonical.contains("."))
  }

  @Test(arguments: [
    "", " ", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.04", "1.2.3.", ".1.2.3", "1..2.3", "+1.2.3.4", "1.2.3.4 ",
    "0x7f.0.0.1", "127.0.0.1\n", "127.0.0.1\0", "１.2.3.4", "1.2.3.1234", ":", ":::", "::1::", "1::2::3", ":1", "1:",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::", "fe80::1%eth0", "[::1]", "::1.2.3",
    "1.2.3.4::",
    "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "::ffff:256.0.0.1", "1:2:3:4:5:6:7:8:", "example.org",
    String(repeating: "1", count: 100),
  ]) func refused(_ text: String) { #expect(IPAddress(text) == nil) }

  /// The C library reads the same, but for what RFC 6943 calls loose.
  @Test func asTheSystemReadsThem() {
    var random = SystemRandomNumberGenerator()
    let alphabet = Array("0123456789abcdef:::....")
    for _ in 0..<50_000 {
      let text = String((0..<Int.random(in: 1...16, using: &random)).map { _ in alphabet.randomElement(using: &random)! })
      var v4 = in_addr()
      var v6 = in6_addr()
      let isKnown = inet_pton(AF_INET, text, &v4) == 1 || inet_pton(AF_INET6, text, &v6) == 1
      #expect((IPAddress(text) != nil) == isKnown, "\(text)")
    }
  }

  @Test func canonicalTextsAreTheSystems() {
    for _ in 0..<5000 {
      // Many zeros.
      let groups = (0..<8).map { _ in Bool.random() ? 0 : UInt16.random(in: 0 ... .max) }
      let text = groups.map { String($0, radix: 16) }.joined(separator: ":")
      var address = in6_addr()
      #expect(inet_pton(AF_INET6, text, &address) == 1)
      var buffer = [CChar](repeating: 0, count: 64)
      inet_ntop(AF_INET6, &address, &buffer, 64)
      let system = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      // It writes IPv4 addresses in some that are none (RFC 5952, section 5, leaves that open).
      if !system.contains(".") { #expect(IPAddress(text)?.description == system) }
    }
  }
}

@Suite("IP networks") struct IPNetworkTests {
  @Test(arguments: [
    ("10.0.0.0/8", "10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"], ["11.0.0.0", "9.255.255.255", "::10.0.0.1"]),
    ("10.1.2.3/8", "10.0.0.0/8", ["10.9.9.9"], ["1.1.1.1"]),
    ("192.0.2.1", "192.0.2.1", ["192.0.2.1"], ["192.0.2.0", "192.0.2.2"]),
    ("192.0.2.1/32", "192.0.2.1", ["192.0.2.1"], ["192.0.2.3"]),
    ("0.0.0.0/0", "0.0.0.0/0", ["1.2.3.4", "255.255.255.255"], ["::1"]),
    ("128.0.0.0/1", "128.0.0.0/1", ["200.0.0.0"], ["127.0.0.1"]),
    ("::/0", "::/0", ["::1", "ffff::"], ["1.2.3.4"]),
    ("2001:db8::/32", "2001:db8::/32", ["2001:db8::1", "2001:db8:ffff::"], ["2001:db9::", "::1"]),
    ("2001:db8::ff/65", "2001:db8::/65", ["2001:db8::7fff:0:0:0"], ["2001:db8::8000:0:0:0"]),
    ("2001:db8::/64", "2001:db8::/64", ["2001:db8::8000:0:0:0"], ["2001:db8:0:1::"]),
    ("::1/128", "::1", ["::1"], ["::"]),
    ("::ffff:10.0.0.0/104", "10.0.0.0/8", ["10.1.2.3"], ["11.0.0.0"]),
  ]) func accepted(_ text: String, _ canonical: String, _ inside: [String], _ outside: [String]) throws {
    let network = try #require(IPNetwork(text))
    #expect(network.description == canonical)
    for address in inside { #expect(network.contains(try #require(IPAddress(address))), "\(address)") }
    for address in outside { #expect(!network.contains(try #require(IPAddress(address))), "\(address)") }
  }

  @Test(arguments: [
    "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.0/08x", "10.0.0.0/ 8",
    "::/129",
    "::ffff:10.0.0.0/95", "10.0.0.0/255.0.0.0", "10.0.0/8", "nginx", "10.0.0.0/99999999999999999999",
  ]) func refused(_ text: String) { #expect(IPNetwork(text) == nil) }
}

import Testing

@testable import HTTPClient

@Suite struct BaseURLTests {
  private func parts(_ text: String) -> HTTPBaseURL.Parts? { try? HTTPBaseURL(text).parts.get() }

  @Test(arguments: [
    ("http://a", "a", "http://a/", ""), ("http://a/", "a", "http://a/", ""), ("http://a:80/x", "a", "http://a:80/", "/x"),
    ("https://a:443", "a", "https://a:443/", ""), ("https://a:80/", "a:80", "https://a:80/", ""),
    ("http://127.0.0.1:8000/x/y?z=1", "127.0.0.1:8000", "http://127.0.0.1:8000/", "/x/y?z=1"),
    ("http://[::1]:8000/", "[::1]:8000", "http://[::1]:8000/", ""),
    ("HTTPS://EXAMPLE.org/a", "EXAMPLE.org", "https://EXAMPLE.org/", "/a"),
  ]) func takenApart(text: String, authority: String, origin: String, prefix: String) throws {
    let parts = try #require(self.parts(text))
    #expect(parts.authority == authority)
    #expect(parts.origin == origin)
    #expect(parts.prefix == prefix)
    #expect(parts.isTLS == text.lowercased().hasPrefix("https"))
  }

  @Test(arguments: [
    "", "a", "http://", "ftp://a", "http://a:0x1", "http://a:99999", "http://a b/", "http://a/\r\nx: y", "http://u:p@a/",
  ])
  func refused(text: String) { #expect(parts(text) == nil) }
}

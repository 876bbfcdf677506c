import Testing
import Wire

@testable import Gateway

@Suite("Routes and what comes before them") struct RouteTests {
  @Test(arguments: [
    ("/health", Route.health), ("/v1/health", .health), ("/v1/models", .models), ("/models", .models),
    ("/v1/chat/completions", .chatCompletions),
    ("/chat/completions", .chatCompletions), ("/v1/models/xstech-gpt", .model(id: "xstech-gpt")), ("/models/a", .model(id: "a")),
    ("/v1/models/xstech-openai::openai/gpt-oss-120b", .model(id: "xstech-openai::openai/gpt-oss-120b")),
    ("/v1/models/xstech-openai%3A%3Aopenai%2Fgpt-oss-120b", .model(id: "xstech-openai::openai/gpt-oss-120b")),
    ("/v1/models/%e4%BD%a0", .model(id: "你")), ("/v1/models/a+b%20c", .model(id: "a+b c")), ("*", .server),
    ("/admin/accounts", .admin(.accounts)),
    ("/admin/sessions", .admin(.sessions)), ("/admin/accounts/a%2Fb/disable", .admin(.account(name: "a/b", .disable))),
  ]) func known(_ path: String, _ route: Route) { #expect(Route(path: path) == route) }

  @Test(arguments: [
    "", "/", "/v1", "/v1/", "/v1/models/", "/models/", "/v2/models", "/v1/v1/models", "/V1/models", "/v1/models/%", "/v1/models/%4",
    "/v1/models/%zz",
    "/v1/models/%ff", "/v1/completions", "/v1/chat/completions/", "/healthz", "/health/", "/admin", "/admin/accounts/",
    "/admin/accounts/a", "/admin/accounts/a/delete", "/admin/accounts/a/b/enable", "/v1/admin/accounts", "v1/models",
    "example.com:443",
  ]) func unknown(_ path: String) { #expect(Route(path: path) == nil) }

  @Test func methods() {
    for route in [Route.health, .models, .model(id: "x")] {
      #expect(route.allows(.get) && route.allows(.head) && !route.allows(.post))
      #expect(route.allowed == "GET, HEAD, OPTIONS")
    }
    #expect(Route.chatCompletions.allows(.post))
    #expect(!Route.chatCompletions.allows(.get) && !Route.chatCompletions.allows(.other("post")))
    #expect(Route.chatCompletions.allowed == "POST, OPTIONS")
  }

  @Test func methodsOfTheOperator() {
    let change = Route.admin(.account(name: "a", .reset))
    #expect(change.allows(.post) && !change.allows(.get))
    #expect(change.template == "/admin/accounts/{name}/reset")
    #expect(Route.admin(.accounts).allows(.get) && !Route.admin(.sessions).allows(.post))
  }

  @Test func aTemplateHoldsNothingOfTheClients() { #expect(Route.model(id: "secret").template == "/v1/models/{id}") }

  @Test(arguments: [
    ("a", true), ("A-z_0.9", true), (String(repeating: "a", count: 128), true), ("", false),
    (String(repeating: "a", count: 129), false), ("a b", false),
    ("a\r\nb", false), ("é", false), ("a/b", false), ("a\u{0}", false), ("a:b", false), ("²", false),
  ]) func requestIDs(_ id: String, _ isValid: Bool) { #expect(GatewayService.isValidRequestID(id) == isValid) }

  @Test(arguments: [
    ("application/json", true), ("Application/JSON; charset=utf-8", true), ("application/json;charset=utf-8", true),
    ("application/vnd.api+json", true),
    ("application/problem+json ; x=y", true), ("", true), ("text/plain", false), ("application/x-www-form-urlencoded", false),
    ("application/jsonp", false), ("multipart/form-data; boundary=application/json", false), ("text/json", false),
  ]) func contentTypes(_ type: String, _ isJSON: Bool) { #expect(GatewayService.takes(MediaType(type)) == isJSON) }

  @Test func identifiersDiffer() {
    var identifiers = Identifiers()
    let made = (0..<1000).map { _ in identifiers.next() }
    #expect(Set(made).count == 1000)
    for id in made { #expect(id.utf8.count == 32 && GatewayService.isValidRequestID(id)) }
    let named = identifiers.next("chatcmpl-")
    #expect(named.hasPrefix("chatcmpl-") && named.utf8.count == 41 && GatewayService.isValidRequestID(named))
  }

  @Test func hexadecimalDigits() {
    for value: UInt64 in [0, 0x0123_4567, 0x89AB_CDEF, 0xFFFF_FFFF, 0x9A9A_A9A9, 0x0F00_F000] {
      let text = withUnsafeBytes(of: ASCII.hexadecimalDigits(value).bigEndian) { String(decoding: $0, as: UTF8.self) }
      #expect(text == String(repeating: "0", count: 8 - String(value, radix: 16).count) + String(value, radix: 16))
    }
  }
}

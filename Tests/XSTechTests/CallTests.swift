import Testing
import Wire

@testable import XSTech

@Suite("Calls") struct CallTests {
  @Test(arguments: [
    (Call.models, Call.Method.get, "/api/chat/tmpl", true), (.createSession(model: "m"), .post, "/api/chat/session", true),
    (.updateSession(id: 96220), .put, "/api/chat/session/96220", true),
    (.deleteSessions(ids: [7]), .delete, "/api/chat/session/7", true),
    (.deleteSessions(ids: [1, 22, 3]), .delete, "/api/chat/session/batch?ids%5B%5D=1&ids%5B%5D=22&ids%5B%5D=3", true),
    (.clearContext(id: 5), .post, "/api/chat/context-clear/5", true),
    (.listSessions(page: 2), .get, "/api/chat/session?page=2", true),
    (.completion, .post, "/api/chat/completions", false),
  ]) func methodPathAndRepeatability(_ call: Call, _ method: Call.Method, _ path: String, _ isIdempotent: Bool) {
    #expect(call.method == method)
    #expect(call.path == path)
    #expect(call.isIdempotent == isIdempotent)
  }

  @Test func namesAreDifferent() {
    let calls: [Call] = [
      .models, .createSession(model: ""), .updateSession(id: 1), .deleteSessions(ids: [1]), .clearContext(id: 1),
      .listSessions(page: 1),
      .completion,
    ]
    #expect(Set(calls.map(\.name)).count == calls.count)
  }

  @Test func aNewSessionNamesItsModel() throws {
    let body = try foundationObject(Call.createSessionBody(model: #"a::b/"c""#).text)
    #expect(body["model"] as? String == #"a::b/"c""#)
    #expect(body["webSearch"] as? Bool == false)
    #expect((body["plugins"] as? [Any])?.isEmpty == true)
    #expect((body["mcp"] as? [Any])?.isEmpty == true)
    #expect(body.count == 4)
  }

  @Test func headersOfARequest() {
    let headers = RequestHeaders(authorization: "Bearer t", appVersion: "2.1.1", userAgent: "agent", origin: "https://x.example")
    let lines = headers.lines(accept: "text/event-stream", hasBody: true)
    #expect(
      lines == [
        "authorization: Bearer t", "x-app-version: 2.1.1", "accept: text/event-stream", "origin: https://x.example",
        "referer: https://x.example/chat", "user-agent: agent", "content-type: application/json",
      ])
    #expect(headers.lines(accept: "a", hasBody: false).count == 6)
  }
}

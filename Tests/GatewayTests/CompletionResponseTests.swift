import HTTPClient
import Testing

@testable import Gateway

@Suite("The head of a completion's response") struct CompletionResponseTests {
  private func response(_ status: Int, _ type: String?, encoding: String? = nil) throws(GatewayError) -> CompletionResponse {
    try CompletionResponse(
      HTTPClientResponseHead(status: status, contentType: type, contentEncoding: encoding), classifier: FailureClassifier())
  }

  private func failure(_ status: Int, _ type: String?, _ body: String) throws -> GatewayError {
    var response = try self.response(status, type)
    #expect(response.kind == .document)
    // In two parts, as it may come.
    for part in [body.prefix(body.count / 2), body.dropFirst(body.count / 2)] {
      #expect(String(part).withRawBytes { response.collect($0) })
    }
    return response.failure
  }

  @Test func eventStreams() throws {
    for type in ["text/event-stream", "text/event-stream; charset=utf-8", "Text/Event-Stream;charset=UTF-8"] {
      #expect(try response(200, type).kind == .eventStream)
      #expect(try response(200, type, encoding: "identity").kind == .eventStream)
    }
  }

  @Test func whatCannotBeUnderstood() {
    func code(_ status: Int, _ type: String?, encoding: String? = nil) -> String? {
      do throws(GatewayError) {
        _ = try response(status, type, encoding: encoding)
        return nil
      } catch {
        return error.code
      }
    }
    #expect(code(200, "text/html") == "upstream_bad_response")
    #expect(code(200, nil) == "upstream_bad_response")
    #expect(code(200, "text/event-stream", encoding: "gzip") == "upstream_bad_response")
    #expect(code(302, "text/html") == "upstream_bad_response")
    #expect(code(502, "text/html") == nil)
    #expect(code(204, nil) == "upstream_empty")
    #expect(code(202, "application/json") == "upstream_bad_response")
    #expect(code(206, "text/event-stream") == "upstream_bad_response")
  }

  @Test func documents() throws {
    #expect(try failure(200, "application/json", #"{"code":1,"msg":"登录已过期"}"#) == .tokenRejected("登录已过期"))
    #expect(try failure(200, "application/json; charset=utf-8", #"{"code":0,"data":{}}"#).code == "upstream_bad_response")
    #expect(try failure(200, "application/json", "<html>").code == "upstream_bad_response")
    #expect(try failure(200, "application/json", "").code == "upstream_bad_response")
    #expect(try failure(502, "text/html", "<html>Bad gateway</html>") == .upstreamFailed("HTTP status 502"))
    #expect(try failure(401, "application/json", #"{"code":401,"msg":"请先登录"}"#) == .tokenRejected("请先登录"))
    #expect(try failure(400, "application/json", #"{"code":1,"err":"内容违规"}"#) == .contentRejected("内容违规"))
    #expect(try failure(429, nil, "").code == "upstream_rate_limited")
  }

  @Test func aDocumentHasAnEnd() throws {
    var response = try self.response(500, "text/html")
    let part = String(repeating: "x", count: 40_000)
    #expect(part.withRawBytes { response.collect($0) })
    #expect(!part.withRawBytes { response.collect($0) })
    #expect(!part.withRawBytes { response.collect($0) })
    #expect(response.failure == .upstreamFailed("HTTP status 500"))
  }
}

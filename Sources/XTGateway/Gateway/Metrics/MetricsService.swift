import HTTPServer
import Wire

/// Serves `/metrics`, and nothing else, on a listener of its own.
public final class MetricsService: HTTPService {
  private let core: GatewayCore

  public init(_ core: GatewayCore) { self.core = core }

  public func requestStarted(_ http: HTTPServerExchange) {
    let common = core.answerHead("req_\(core.identifiers.next())", nil)
    guard Route(path: http.head.path) == .metrics else {
      return Response.send(.unknownURL(path: http.head.path), to: http, head: common)
    }
    guard http.head.method == .get || http.head.method == .head else {
      return Response.send(.methodNotAllowed(allowed: Route.metrics.allowed), to: http, head: common)
    }
    core.statusQueries.gather { [core] statuses in
      http.respond(Response.metrics(common), body: MetricsPage(core, statuses).render())
    }
  }

  public func refusal(_ problem: HTTPProblem, of exchange: HTTPServerExchange?, peerAddress: String) -> HTTPRefusal {
    let answer = Response.error(.http(problem), core.answerHead("req_\(core.identifiers.next())", nil))
    return HTTPRefusal(answer.head, answer.body)
  }
}

import HTTPServer
import Wire

/// What a request's path names. All but `health` also answer without `/v1`, since clients are often configured so.
enum Route: Equatable {
  case health
  case models
  case model(id: String)
  case chatCompletions
  /// `OPTIONS *`
  case server
  case admin(AdminService.Route)
  case metrics

  init?(path: String) {
    switch path {
    case "/v1/chat/completions", "/chat/completions": self = .chatCompletions
    case "/v1/models", "/models": self = .models
    case "*": self = .server
    case "/health", "/v1/health": self = .health
    case "/metrics": self = .metrics
    default:
      let rest = path.hasPrefix("/v1/") ? path.dropFirst(3) : path[...]
      if rest.hasPrefix("/models/"), rest.utf8.count > 8, let id = PercentEncoding.decode(rest.dropFirst(8)) {
        self = .model(id: id)
      } else if let route = AdminService.Route(path: path) {
        self = .admin(route)
      } else {
        return nil
      }
    }
  }

  /// For logs and metrics: a name without anything of the client's in it.
  var template: String {
    switch self {
    case .health: "/health"
    case .metrics: "/metrics"
    case .models: "/v1/models"
    case .model: "/v1/models/{id}"
    case .chatCompletions: "/v1/chat/completions"
    case .server: "*"
    case .admin(let route): route.template
    }
  }

  /// For `Allow`.
  var allowed: String {
    switch self {
    case .health, .metrics, .models, .model: "GET, HEAD, OPTIONS"
    case .chatCompletions: "POST, OPTIONS"
    case .server: "OPTIONS"
    case .admin(let route): route.allowed
    }
  }

  func allows(_ method: HTTPMethod) -> Bool {
    switch self {
    case .health, .metrics, .models, .model: method == .get || method == .head
    case .chatCompletions: method == .post
    case .server: false
    case .admin(let route): route.allows(method)
    }
  }
}

import Wire

/// What a client can call; the raw values are the names in faults and statistics.
enum Call: String, CaseIterable {
  case modelList = "tmpl"
  case sessionCreate = "session.create"
  case sessionReplace = "session.put"
  case sessionList = "session.list"
  case sessionDelete = "session.delete"
  case sessionBatchDelete = "session.batch-delete"
  case contextClear = "context-clear"
  case recordList = "record.list"
  case completion
  case login
  case userInfo = "user.info"
  case userPlan = "user.plan"
  case openAIModels = "openai.models"
  case openAIChat = "openai.chat"
}

/// Where a request goes.
enum Route: Equatable {
  case call(Call, id: Int?)
  case control, stats, sessions, requests, reset
  /// The path is known, but not with this method.
  case wrongMethod
  case unknown

  init(_ method: HTTPMethod, _ path: String) {
    let parts = path.split(separator: "/", omittingEmptySubsequences: true)
    let id = parts.last.flatMap { number($0) }
    switch (parts.count, parts.first ?? "", parts.dropFirst().first ?? "") {
    case (1, "_control", _): self = Self.only(.post, method, .control)
    case (1, "_reset", _): self = Self.only(.post, method, .reset)
    case (1, "_stats", _): self = Self.only(.get, method, .stats)
    case (1, "_sessions", _): self = Self.only(.get, method, .sessions)
    case (1, "_requests", _): self = Self.only(.get, method, .requests)
    case (2, "v1", "models"): self = Self.only(.get, method, .call(.openAIModels, id: nil))
    case (3, "v1", "chat") where parts[2] == "completions": self = Self.only(.post, method, .call(.openAIChat, id: nil))
    case (3, "api", "chat"): self = Self.chat(method, parts[2])
    case (4, "api", "chat"): self = Self.chatItem(method, parts[2], parts[3], id)
    case (3, "api", "user") where parts[2] == "login": self = Self.only(.post, method, .call(.login, id: nil))
    case (3, "api", "user") where parts[2] == "info": self = Self.only(.get, method, .call(.userInfo, id: nil))
    case (2, "api", "user_plan"): self = Self.only(.get, method, .call(.userPlan, id: nil))
    default: self = .unknown
    }
  }

  private static func only(_ right: HTTPMethod, _ method: HTTPMethod, _ route: Route) -> Route {
    method == right ? route : .wrongMethod
  }

  private static func chat(_ method: HTTPMethod, _ name: Substring) -> Route {
    switch (name, method) {
    case ("tmpl", .get): .call(.modelList, id: nil)
    case ("session", .post): .call(.sessionCreate, id: nil)
    case ("session", .get): .call(.sessionList, id: nil)
    case ("completions", .post): .call(.completion, id: nil)
    case ("tmpl", _), ("session", _), ("completions", _): .wrongMethod
    default: .unknown
    }
  }

  private static func chatItem(_ method: HTTPMethod, _ name: Substring, _ item: Substring, _ id: Int?) -> Route {
    switch (name, method, id) {
    case ("session", .delete, nil) where item == "batch": .call(.sessionBatchDelete, id: nil)
    case ("session", .put, let id?): .call(.sessionReplace, id: id)
    case ("session", .delete, let id?): .call(.sessionDelete, id: id)
    case ("context-clear", .post, let id?): .call(.contextClear, id: id)
    case ("record", .get, let id?): .call(.recordList, id: id)
    case ("session", _, .some), ("context-clear", _, .some), ("record", _, .some): .wrongMethod
    default: .unknown
    }
  }
}

/// The parameters of a query, in order, percent escapes decoded.
struct Query {
  let items: [(name: String, value: String)]

  init(_ text: String?) {
    items = (text ?? "").split(separator: "&").map { item in
      let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      return (percentDecoded(parts[0]), parts.count > 1 ? percentDecoded(parts[1]) : "")
    }
  }

  /// A page's number, from 1.
  var page: Int { max(1, items.first { $0.name == "page" }.flatMap { number($0.value) } ?? 1) }
  /// `ids[]`; nil if one of them is no number.
  var ids: [Int]? {
    let all = items.filter { $0.name == "ids[]" }.map { number($0.value) }
    return all.contains { $0 == nil } ? nil : all.compactMap { $0 }
  }
}

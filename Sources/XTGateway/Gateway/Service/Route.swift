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

  init?(path: String) {
    switch path {
    case "*": self = .server
    case "/health", "/v1/health": self = .health
    default:
      let rest = path.hasPrefix("/v1/") ? path.dropFirst(3) : path[...]
      if rest == "/models" {
        self = .models
      } else if rest == "/chat/completions" {
        self = .chatCompletions
      } else if rest.hasPrefix("/models/"), rest.utf8.count > 8, let id = Self.percentDecoded(rest.dropFirst(8)) {
        self = .model(id: id)
      } else {
        return nil
      }
    }
  }

  /// For logs and metrics: a name without anything of the client's in it.
  var template: String {
    switch self {
    case .health: "/health"
    case .models: "/v1/models"
    case .model: "/v1/models/{id}"
    case .chatCompletions: "/v1/chat/completions"
    case .server: "*"
    }
  }

  /// For `Allow`.
  var allowed: String {
    switch self {
    case .health, .models, .model: "GET, HEAD, OPTIONS"
    case .chatCompletions: "POST, OPTIONS"
    case .server: "OPTIONS"
    }
  }

  func allows(_ method: HTTPMethod) -> Bool {
    switch self {
    case .health, .models, .model: method == .get || method == .head
    case .chatCompletions: method == .post
    case .server: false
    }
  }

  /// RFC 3986, section 2.1; nil if malformed or not UTF-8.
  private static func percentDecoded(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(hexDigit), let low = rest.popFirst().flatMap(hexDigit) else { return nil }
      bytes.append(high << 4 | low)
    }
    return String(validating: bytes, as: UTF8.self)
  }

  private static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - 48
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - 87
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - 55
    default: nil
    }
  }
}

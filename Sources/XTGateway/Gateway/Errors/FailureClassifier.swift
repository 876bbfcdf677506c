import HTTPClient

/// What the upstream's failures mean. The wording varies, so patterns look for what is specific; the order counts, since a word
/// such as `token` alone proves nothing ("maximum context length is 8192 tokens").
package enum FailureClassifier {
  enum Meaning: Sendable { case content, context, image, session, model, credits, token, rate, upstream }

  /// First match wins. Lower case; Chinese and English.
  private static let patterns: [(text: String, meaning: Meaning)] = [
    ("不允许的文本", .content), ("内容违规", .content), ("违规", .content), ("敏感", .content), ("content policy", .content),
    ("content_filter", .content), ("上下文超出", .context), ("上下文长度", .context), ("context length", .context),
    ("context_length", .context), ("maximum context", .context), ("too many tokens", .context), ("token数", .context),
    ("token 数", .context), ("文件过大", .image),
    ("文件类型", .image), ("不支持图片", .image), ("图片格式", .image), ("file too large", .image), ("unsupported image", .image),
    ("会话不存在", .session), ("会话已删除", .session), ("session not found", .session), ("session does not exist", .session),
    ("httpcode:429", .model), ("httpcode:404", .model), ("httpcode:4", .upstream), ("httpcode:5", .upstream), ("无可用渠道", .model),
    ("模型不存在", .model), ("模型暂不可用", .model), ("模型不可用", .model), ("model not found", .model),
    ("model_not_found", .model), ("no available channel", .model), ("积分不足", .credits), ("余额不足", .credits),
    ("套餐已过期", .credits), ("套餐过期", .credits), ("insufficient", .credits), ("频繁", .rate), ("操作太快", .rate),
    ("too many requests", .rate), ("rate limit", .rate), ("登录", .token), ("token 无效", .token), ("token无效", .token),
    ("token 已", .token), ("token已", .token), ("token expired", .token), ("token is expired", .token), ("invalid token", .token),
    ("认证失败", .token), ("认证", .token), ("鉴权", .token), ("unauthorized", .token), ("系统繁忙", .upstream), ("上游异常", .upstream),
    ("过期", .token), ("失效", .token),
  ]

  static func meaning(of message: String) -> Meaning? {
    let text = message.lowercased()
    return patterns.first { text.contains($0.text) }?.meaning ?? (speaksOfToken(text) ? .token : nil)
  }

  /// Whether the word `token` stands alone: neither `tokens`, which are counted, nor the parameter `max_token`.
  private static func speaksOfToken(_ text: String) -> Bool {
    let parts = text.split(separator: "token", omittingEmptySubsequences: false)
    func isPartOfWord(_ byte: UInt8?) -> Bool {
      byte.map { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0 == UInt8(ascii: "_") } ?? false
    }
    return zip(parts, parts.dropFirst()).contains { !isPartOfWord($0.utf8.last) && !isPartOfWord($1.utf8.first) }
  }

  /// A failure in the upstream's envelope, or an event's.
  package static func envelope(code: Int, message: String) -> GatewayError {
    let words = message.isEmpty ? "code \(code)" : message
    switch meaning(of: message) {
    case .content: return .contentRejected(words)
    case .context: return .contextLengthExceeded(words)
    case .image: return .imageRejected(words)
    case .session: return .sessionLost(words)
    case .model: return .modelUnavailable(words)
    case .credits, .token: return .credentialsExhausted(words)
    case .rate: return .rateLimited(retryAfterSeconds: nil, words)
    case .upstream: return .upstreamFailed(words)
    case nil:
      switch code {
      case 401, 403: return .credentialsExhausted(words)
      case 429: return .rateLimited(retryAfterSeconds: nil, words)
      default: return .upstreamFailed(words)
      }
    }
  }

  /// An HTTP status other than 200, with the envelope's words if the body was one.
  package static func status(_ head: HTTPClientResponseHead, envelope: (code: Int, message: String)?) -> GatewayError {
    let words = envelope.flatMap { $0.message.isEmpty ? nil : $0.message } ?? "HTTP status \(head.status)"
    switch head.status {
    case 401, 403: return .credentialsExhausted(words)
    case 429: return .rateLimited(retryAfterSeconds: head.retryAfterSeconds, words)
    case 300..<400: return .badResponse("it redirects (HTTP status \(head.status))")
    case 404 where envelope.map({ meaning(of: $0.message) == .session }) ?? false: return .sessionLost(words)
    case 504, 524: return .timeout(.firstByte)
    case 500...: return .upstreamFailed(words)
    default:
      if let envelope, meaning(of: envelope.message) != nil { return Self.envelope(code: envelope.code, message: envelope.message) }
      return .upstreamFailed(words)
    }
  }

  /// A transfer that failed below HTTP, before any output.
  package static func transport(_ error: HTTPClientError) -> GatewayError {
    switch error.kind {
    case .notConnected, .connectTimeout: .unreachable(error.message)
    case .noResponse: .unreachable("the connection died without an answer (\(error.message))")
    case .brokenResponse: .upstreamFailed("the answer broke off (\(error.message))")
    case .invalidResponse: .badResponse(error.message)
    }
  }
}

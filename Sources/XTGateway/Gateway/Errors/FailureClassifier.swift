import HTTPClient

/// What the upstream's failures mean: the one table from status, envelope and words to an error and its blame.
///
/// The wording varies, so the patterns look for what is specific, and their order counts: a word such as `token` alone proves nothing
/// ("maximum context length is 8192 tokens"). The operator's own patterns come first.
public final class FailureClassifier {
  public enum Meaning: Sendable { case content, context, image, session, model, credits, token, rate, upstream }

  private enum Matcher {
    case text(String)
    case regex(Regex<AnyRegexOutput>)
  }

  private var patterns: [(matcher: Matcher, meaning: Meaning)]
  /// What must never be passed on, though the upstream says it.
  private var secrets: [String]

  public init(_ operators: [Configuration.ErrorPattern] = [], secrets: [String] = []) {
    (patterns, self.secrets) = ([], [])
    configure(operators, secrets: secrets)
  }

  /// Secrets once known stay secret.
  public func configure(_ operators: [Configuration.ErrorPattern], secrets: [String]) {
    patterns =
      operators.compactMap { pattern in Self.matcher(pattern.match).map { ($0, pattern.meaning) } }
      + Self.builtIn.map { (.text($0.text), $0.meaning) }
    for secret in secrets { add(secret: secret) }
  }

  public func add(secret: String) {
    // Short ones would hit by chance.
    if secret.utf8.count >= 6, !secrets.contains(secret) { secrets.append(secret) }
  }

  /// `/…/` is a regular expression, anything else a text, both without regard to case; nil if the expression is none.
  private static func matcher(_ match: String) -> Matcher? {
    guard match.count > 2, match.hasPrefix("/"), match.hasSuffix("/") else { return .text(match.lowercased()) }
    return (try? Regex(String(match.dropFirst().dropLast())).ignoresCase()).map(Matcher.regex)
  }

  /// Whether `match` can be used as a pattern.
  public static func isValid(_ match: String) -> Bool { !match.isEmpty && matcher(match) != nil }

  /// First match wins. Lower case; Chinese and English.
  private static let builtIn: [(text: String, meaning: Meaning)] = [
    ("不允许的文本", .content), ("内容违规", .content), ("违规", .content), ("敏感", .content), ("content policy", .content),
    ("content_filter", .content), ("上下文超出", .context), ("上下文长度", .context), ("context length", .context),
    ("context_length", .context), ("maximum context", .context), ("too many tokens", .context), ("token limit", .context),
    ("token数", .context),
    ("token 数", .context), ("文件过大", .image),
    ("文件类型", .image), ("不支持图片", .image), ("图片格式", .image), ("file too large", .image), ("unsupported image", .image),
    ("会话不存在", .session), ("会话已删除", .session), ("session not found", .session), ("session does not exist", .session),
    ("httpcode:429", .model), ("httpcode:404", .model), ("httpcode:4", .upstream), ("httpcode:5", .upstream), ("无可用渠道", .model),
    ("模型不存在", .model), ("模型暂不可用", .model), ("模型不可用", .model), ("model not found", .model),
    ("model_not_found", .model), ("no available channel", .model), ("积分不足", .credits), ("余额不足", .credits),
    ("套餐已过期", .credits), ("套餐过期", .credits), ("insufficient", .credits), ("频繁", .rate), ("操作太快", .rate),
    ("too many requests", .rate), ("rate limit", .rate), ("封禁", .token), ("封号", .token), ("禁用", .token), ("banned", .token),
    ("登录", .token), ("token 无效", .token), ("token无效", .token), ("token 已", .token), ("token已", .token),
    ("token expired", .token), ("token is expired", .token), ("invalid token", .token), ("认证", .token), ("鉴权", .token),
    ("unauthorized", .token), ("系统繁忙", .upstream), ("上游异常", .upstream),
    ("过期", .token), ("失效", .token),
  ]

  public func meaning(of message: String) -> Meaning? {
    var text = message.lowercased()
    return patterns.first { pattern in
      switch pattern.matcher {
      // By bytes: to compare texts by characters takes a hundred times as long, and failures can come in floods.
      case .text(var part):
        part.withUTF8 { part in
          text.withUTF8 { ByteSearch.first(UnsafeRawBufferPointer(part), in: UnsafeRawBufferPointer($0)) != nil }
        }
      case .regex(let regex): message.contains(regex)
      }
    }?.meaning ?? (Self.speaksOfToken(text) ? .token : nil)
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
  public func envelope(code: Int, message: String) -> GatewayError {
    let words = message.isEmpty ? "code \(code)" : redacted(message)
    guard let meaning = meaning(of: message) else {
      switch code {
      case 401, 403: return .tokenRejected(words)
      case 429: return .rateLimited(retryAfterSeconds: nil, words)
      default: return .upstreamFailed(words)
      }
    }
    return error(meaning, words, retryAfterSeconds: nil)
  }

  /// An HTTP status other than 200, with the envelope's words if the body was one.
  public func status(_ head: HTTPClientResponseHead, envelope: (code: Int, message: String)?) -> GatewayError {
    let message = envelope?.message ?? ""
    let words = message.isEmpty ? "HTTP status \(head.status)" : redacted(message)
    switch head.status {
    case 300..<400: return .webPage("it redirects (HTTP status \(head.status))")
    case 429: return .rateLimited(retryAfterSeconds: head.retryAfterSeconds, words)
    case 504, 524: return .timeout(.firstByte)
    default: break
    }
    if let meaning = meaning(of: message) { return error(meaning, words, retryAfterSeconds: head.retryAfterSeconds) }
    switch head.status {
    case 401, 403: return .tokenRejected(words)
    default: return .upstreamFailed(words)
    }
  }

  private func error(_ meaning: Meaning, _ words: String, retryAfterSeconds: Int?) -> GatewayError {
    switch meaning {
    case .content: .contentRejected(words)
    case .context: .contextLengthExceeded(words)
    case .image: .imageRejected(words)
    case .session: .sessionLost(words)
    case .model: .modelUnavailable(words)
    case .credits: .outOfCredits(words)
    case .token: .tokenRejected(words)
    case .rate: .rateLimited(retryAfterSeconds: retryAfterSeconds, words)
    case .upstream: .upstreamFailed(words)
    }
  }

  /// A transfer that failed below HTTP.
  public static func transport(_ error: HTTPClientError) -> GatewayError {
    switch error.kind {
    case .notConnected, .connectTimeout: .unreachable(error.message)
    case .noResponse: .connectionLost("no answer came (\(error.message))")
    case .brokenResponse: .connectionLost("the answer broke off (\(error.message))")
    case .invalidResponse: .badResponse(error.message)
    }
  }

  private func redacted(_ message: String) -> String {
    var text = message
    for secret in secrets {
      while let range = text.firstRange(of: secret) { text.replaceSubrange(range, with: "…") }
    }
    return text
  }
}

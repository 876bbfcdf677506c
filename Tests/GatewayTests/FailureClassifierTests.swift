import HTTPClient
import Testing

@testable import Gateway

@Suite("What failures mean") struct FailureClassifierTests {
  /// The protocol notes' table, and wordings near it.
  @Test(arguments: [
    ("您的提交内容包含不允许的文本", "content_rejected"), ("内容违规", "content_rejected"), ("Rejected by our content policy", "content_rejected"),
    ("上下文超出模型限制", "context_length_exceeded"), ("maximum context length is 8192 tokens", "context_length_exceeded"),
    (
      "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
      "context_length_exceeded"
    ),
    ("token数超出限制", "context_length_exceeded"), ("file too large", "invalid_image"), ("文件过大", "invalid_image"),
    ("文件类型不支持", "invalid_image"),
    ("无可用渠道", "model_unavailable"), ("模型不存在", "model_unavailable"), ("当前模型暂不可用", "model_unavailable"),
    ("Model Not Found", "model_unavailable"), ("登录已过期", "upstream_credentials_exhausted"),
    ("请先登录", "upstream_credentials_exhausted"),
    ("token 无效", "upstream_credentials_exhausted"), ("认证失败", "upstream_credentials_exhausted"),
    ("Unauthorized", "upstream_credentials_exhausted"),
    ("鉴权失败", "upstream_credentials_exhausted"), ("身份已过期", "upstream_credentials_exhausted"),
    ("凭证已失效", "upstream_credentials_exhausted"),
    ("bad token", "upstream_credentials_exhausted"), ("Token 错误", "upstream_credentials_exhausted"),
    ("积分不足", "upstream_credentials_exhausted"),
    ("余额不足", "upstream_credentials_exhausted"), ("套餐已过期", "upstream_credentials_exhausted"), ("请求过于频繁", "upstream_rate_limited"),
    ("操作太快", "upstream_rate_limited"), ("上游异常提示(HttpCode:502)", "upstream_failed"), ("系统繁忙", "upstream_failed"),
    ("上游异常提示(HttpCode:429)", "model_unavailable"), ("上游异常提示(HttpCode:401)", "upstream_failed"), ("上游异常提示", "upstream_failed"),
    ("max_tokens must be at most 4096", "upstream_failed"), ("maxToken 不正确", "upstream_failed"),
    ("generated 12 tokens, then died", "upstream_failed"),
    ("会话不存在", "upstream_failed"), ("", "upstream_failed"), ("something new", "upstream_failed"),
  ]) func wordings(_ message: String, _ code: String) {
    let error = FailureClassifier().envelope(code: 1, message: message)
    #expect(error.code == code)
    if !message.isEmpty { #expect(error.message.contains(message)) }
  }

  @Test func whoIsToBlame() {
    func blame(_ message: String) -> Blame { FailureClassifier().envelope(code: 1, message: message).blame }
    #expect(blame("内容违规") == .request)
    #expect(blame("maximum context length is 8192 tokens") == .request)
    #expect(blame("上游异常提示(HttpCode:429)") == .model)
    #expect(blame("登录已过期") == .account)
    #expect(blame("积分不足") == .account)
    #expect(blame("请求过于频繁") == .account)
    #expect(blame("系统繁忙") == .upstream)
  }

  @Test func aCodeWithoutKnownWords() {
    #expect(FailureClassifier().envelope(code: 401, message: "") == .tokenRejected("code 401"))
    #expect(FailureClassifier().envelope(code: 403, message: "x") == .tokenRejected("x"))
    #expect(FailureClassifier().envelope(code: 429, message: "x") == .rateLimited(retryAfterSeconds: nil, "x"))
    #expect(FailureClassifier().envelope(code: 500, message: "x") == .upstreamFailed("x"))
    // The words win over the code.
    #expect(FailureClassifier().envelope(code: 401, message: "内容违规") == .contentRejected("内容违规"))
  }

  private func status(_ status: Int, retryAfter: Int? = nil, _ envelope: (code: Int, message: String)? = nil) -> GatewayError {
    FailureClassifier().status(
      HTTPClientResponseHead(status: status, contentType: nil, retryAfterSeconds: retryAfter), envelope: envelope)
  }

  @Test func statuses() {
    for number in [401, 403] { #expect(status(number) == .tokenRejected("HTTP status \(number)")) }
    #expect(status(401, (1, "登录已过期")) == .tokenRejected("登录已过期"))
    #expect(status(429, retryAfter: 7) == .rateLimited(retryAfterSeconds: 7, "HTTP status 429"))
    for number in [301, 302, 307] { #expect(status(number).code == "upstream_bad_response") }
    for number in [500, 502, 503, 520, 521, 530] { #expect(status(number) == .upstreamFailed("HTTP status \(number)")) }
    for number in [504, 524] { #expect(status(number) == .timeout(.firstByte)) }
    #expect(status(400, (1, "内容违规")) == .contentRejected("内容违规"))
    #expect(status(404, (1, "会话不存在")) == .sessionLost("会话不存在"))
    #expect(status(404) == .upstreamFailed("HTTP status 404"))
    // Where the upstream says why, that counts.
    #expect(status(500, (1, "积分不足")) == .outOfCredits("积分不足"))
    #expect(status(403, (1, "内容违规")) == .contentRejected("内容违规"))
    #expect(status(503, (1, "something new")) == .upstreamFailed("something new"))
    #expect(status(204) == .upstreamFailed("HTTP status 204"))
  }

  @Test func brokenTransfers() {
    func code(_ kind: HTTPClientError.Kind) -> String {
      let error = FailureClassifier.transport(HTTPClientError(kind: kind, message: "why"))
      #expect(error.message.contains("why"))
      return error.code
    }
    #expect(code(.notConnected) == "upstream_unreachable")
    #expect(code(.connectTimeout) == "upstream_unreachable")
    #expect(code(.noResponse) == "upstream_failed")
    #expect(code(.brokenResponse) == "upstream_failed")
    #expect(code(.invalidResponse) == "upstream_bad_response")
  }

  @Test func theOperatorsPatternsComeFirst() {
    let classifier = FailureClassifier([
      .init(match: "系统繁忙", blame: "account", reason: "rate"), .init(match: "/queue (is )?full/", blame: "model", reason: ""),
      .init(match: "Frozen", blame: "account", reason: "banned"),
    ])
    #expect(classifier.envelope(code: 1, message: "系统繁忙").code == "upstream_rate_limited")
    #expect(classifier.envelope(code: 1, message: "The QUEUE is full.").code == "model_unavailable")
    #expect(classifier.envelope(code: 1, message: "account frozen") == .tokenRejected("account frozen"))
    #expect(classifier.envelope(code: 1, message: "内容违规").code == "content_rejected")
    #expect(FailureClassifier.isValid("text") && FailureClassifier.isValid("/a|b/"))
    #expect(!FailureClassifier.isValid("") && !FailureClassifier.isValid("/(/"))
  }

  @Test func secretsAreNotPassedOn() {
    let classifier = FailureClassifier(secrets: ["Bearer eyJ.secret.x", "ab"])
    classifier.add(secret: "eyJ.secret.x")
    for message in ["bad: Bearer eyJ.secret.x!", "eyJ.secret.x and eyJ.secret.x", "请先登录 eyJ.secret.x"] {
      let errors = [
        classifier.envelope(code: 1, message: message),
        classifier.status(HTTPClientResponseHead(status: 500, contentType: nil), envelope: (1, message)),
      ]
      for error in errors { #expect(!error.message.contains("secret"), "\(error.message)") }
    }
    #expect(classifier.envelope(code: 1, message: "about").message.contains("about"))
  }
}

import Wire

/// How one request goes wrong. A pure value; several faults add up, the later of two of a kind wins.
struct Faults: Equatable {
  /// How a stream ends before its time, after so many pieces.
  enum Cut: Equatable {
    case error(after: Int, message: String)
    case stall(after: Int), reset(after: Int), close(after: Int), truncate(after: Int), garbage(after: Int)

    var pieces: Int {
      switch self {
      case .error(let after, _), .stall(let after), .reset(let after), .close(let after), .truncate(let after),
        .garbage(let after):
        after
      }
    }
  }

  /// An answer in place of the usual one.
  enum Substitute: Equatable {
    case http(status: Int, retryAfter: Int?)
    case envelope(status: Int, code: Int, message: String, retryAfter: Int?)
    case html, redirect
  }

  var substitute: Substitute?
  var cut: Cut?
  /// Milliseconds by which the whole answer, head included, comes late.
  var slowFirst = 0
  /// Bytes of a slice, each slice written by itself; 0: events stay whole.
  var split = 0
  var noDone = false
  var noObject = false
  var longAIText = false
  var otherAIText = false
  var empty = false
  var gzipHeader = false
  var unknownEvents = false
  var comments = false
  var style = EventStyle()

  var isNone: Bool { self == Faults() }
}

/// How the events of a stream are written. Everything here is legal.
struct EventStyle: Equatable {
  var crlf = false
  var noCode = false
  /// White space wherever JSON allows it, another key order, no space after `data:`.
  var spaces = false
  /// Every character as `\uXXXX`, surrogate pairs included.
  var escapes = false
  /// `<`, `>` and `&` as `\u003c` …, as Go's encoder writes them.
  var goEscapes = false
  /// One event over several `data:` lines.
  var lines = false
}

extension Faults {
  struct Unknown: Error { let text: String }

  /// Reads `NAME[=VALUE],NAME[=VALUE]…`. Values may hold percent escapes (`%20`, `%2C`).
  init(parsing text: some StringProtocol) throws(Unknown) {
    self.init()
    for item in text.split(separator: ",") {
      let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let value = parts.count > 1 ? percentDecoded(parts[1]) : nil
      guard add(String(parts[0]), value) else { throw Unknown(text: String(item)) }
    }
  }

  /// Adds the faults of `other` to these.
  mutating func merge(_ other: Faults) {
    substitute = other.substitute ?? substitute
    cut = other.cut ?? cut
    slowFirst = max(slowFirst, other.slowFirst)
    split = other.split > 0 ? other.split : split
    for flag in [
      \Faults.noDone, \.noObject, \.longAIText, \.otherAIText, \.empty, \.gzipHeader, \.unknownEvents, \.comments, \.style.crlf,
      \.style.noCode, \.style.spaces, \.style.escapes, \.style.goEscapes, \.style.lines,
    ] where other[keyPath: flag] { self[keyPath: flag] = true }
  }

  private mutating func add(_ name: String, _ value: String?) -> Bool {
    if let flag = Self.flag(name) {
      self[keyPath: flag] = true
      return value == nil
    }
    if let substitute = Self.substitute(name, value) {
      self.substitute = substitute
      return true
    }
    if let cut = Self.cut(name, value) {
      self.cut = cut
      return true
    }
    switch (name, value.flatMap { number($0) }) {
    case ("slow-first", let milliseconds?): slowFirst = milliseconds
    case ("split", let bytes?) where bytes > 0: split = bytes
    default: return false
    }
    return true
  }

  private static func flag(_ name: String) -> WritableKeyPath<Faults, Bool>? {
    switch name {
    case "no-done": \.noDone
    case "no-object": \.noObject
    case "long-ai-text": \.longAIText
    case "other-ai-text": \.otherAIText
    case "empty": \.empty
    case "gzip-header": \.gzipHeader
    case "unknown-events": \.unknownEvents
    case "comments": \.comments
    case "crlf": \.style.crlf
    case "no-code": \.style.noCode
    case "spaces": \.style.spaces
    case "escapes": \.style.escapes
    case "go-escapes": \.style.goEscapes
    case "lines": \.style.lines
    default: nil
    }
  }

  private static func substitute(_ name: String, _ value: String?) -> Substitute? {
    switch name {
    case "http":
      let parts = (value ?? "").split(separator: ":", maxSplits: 1)
      guard let status = parts.first.flatMap({ number($0) }), (200...599).contains(status) else { return nil }
      let wait = parts.count > 1 ? number(parts[1]) : nil
      return .http(status: status, retryAfter: wait ?? (status == 429 ? 2 : nil))
    case "envelope":
      let parts = (value ?? "").split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard let code = parts.first.flatMap({ number($0) }) else { return nil }
      return .envelope(status: 200, code: code, message: parts.count > 1 ? String(parts[1]) : "系统繁忙", retryAfter: nil)
    case "expired": return .envelope(status: 401, code: 401, message: "登录已过期，请重新登录", retryAfter: nil)
    case "token-envelope": return .envelope(status: 200, code: 401, message: "登录已过期", retryAfter: nil)
    case "rate-limit":
      return .envelope(status: 429, code: 429, message: "请求过于频繁，请稍后再试", retryAfter: value.flatMap { number($0) } ?? 2)
    case "credits": return .envelope(status: 200, code: 402, message: "积分不足，请充值", retryAfter: nil)
    case "model": return .envelope(status: 200, code: 503, message: "当前模型无可用渠道", retryAfter: nil)
    case "content": return .envelope(status: 200, code: 400, message: "内容违规：您的提交内容包含不允许的文本", retryAfter: nil)
    case "html": return .html
    case "redirect": return .redirect
    default: return nil
    }
  }

  private static func cut(_ name: String, _ value: String?) -> Cut? {
    if name == "error-first" { return .error(after: 0, message: value ?? "系统繁忙，请稍后再试") }
    let parts = (value ?? "").split(separator: ":", maxSplits: 1)
    let after = parts.first.flatMap { number($0) }
    if name == "garbage" { return .garbage(after: after ?? 0) }
    guard let after else { return nil }
    switch name {
    case "error-after": return .error(after: after, message: parts.count > 1 ? String(parts[1]) : "上游异常提示(HttpCode:502)")
    case "stall": return .stall(after: after)
    case "reset": return .reset(after: after)
    case "close": return .close(after: after)
    case "truncate": return .truncate(after: after)
    default: return nil
    }
  }
}

/// An unsigned decimal number up to a thousand million, so that sums and products of such cannot overflow.
func number(_ text: some StringProtocol) -> Int? {
  Array(text.utf8).withUnsafeBytes { ASCII.decimal($0) }.flatMap { $0 <= 1_000_000_000 ? $0 : nil }
}

/// `%XX` decoded; anything else stays.
func percentDecoded(_ text: some StringProtocol) -> String {
  var out: [UInt8] = []
  var rest = Substring(text).utf8
  while let byte = rest.popFirst() {
    if byte == UInt8(ascii: "%"), rest.count >= 2, let value = UInt8(String(rest.prefix(2)) ?? "", radix: 16) {
      out.append(value)
      rest = rest.dropFirst(2)
    } else {
      out.append(byte)
    }
  }
  return String(decoding: out, as: UTF8.self)
}

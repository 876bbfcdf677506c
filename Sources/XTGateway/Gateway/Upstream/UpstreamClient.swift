import EventLoop
import HTTPClient
import Wire
import XSTech

/// Makes XSTech's calls on the HTTP client.
public final class UpstreamClient {
  public let loop: EventLoop
  public let classifier: FailureClassifier
  /// Hears of every call that is over: how it ended, and after how many milliseconds.
  @exclusivity(unchecked) var observe: (Call, String, UInt64) -> Void = { _, _, _ in }
  private let client: HTTPClient
  private let base: HTTPBaseURL
  let timeoutMilliseconds: UInt64
  /// Whether a message may be sent again when a connection died without an answer (`pool.retry_ambiguous`).
  var completionMayRepeat: Bool
  /// The tokens in use, which other loops change as well.
  private let tokens: AccountTokens
  /// Header lines by account, made once for each token, and the version of the tokens that they were made of.
  @exclusivity(unchecked) private var accounts: [(token: String, headers: AccountHeaders)] = []
  @exclusivity(unchecked) private var tokenVersion = -1
  private let origin: String
  private let configuration: Configuration
  /// Calls under way, in no particular order.
  @exclusivity(unchecked) private var pending: [JSONCall] = []
  /// For the call that has to end next; at times for one that has ended since.
  @exclusivity(unchecked) private var timer: LoopTimer?
  private var isClosed = false
  /// What answers were gathered in, to be used again.
  private var spareBodies: [ByteBuffer] = []
  private static let maxSpareBodies = 4
  private static let maxSpareBytes = 4096
  /// For calls that nobody's token belongs to.
  private let withoutToken: AccountHeaders

  private final class AccountHeaders {
    let withBody: HTTPClientHeaders
    let withoutBody: HTTPClientHeaders
    let completion: HTTPClientHeaders

    init(token: String, _ configuration: Configuration, origin: String) {
      let headers = RequestHeaders(
        authorization: token, appVersion: configuration.upstream.appVersion, userAgent: configuration.upstream.userAgent,
        origin: origin)
      let json = "application/json, text/plain, */*"
      withBody = HTTPClientHeaders(headers.lines(accept: json, hasBody: true))
      withoutBody = HTTPClientHeaders(headers.lines(accept: json, hasBody: false))
      completion = HTTPClientHeaders(headers.lines(accept: "text/event-stream", hasBody: true))
    }
  }

  public init(loop: EventLoop, client: HTTPClient, tokens: AccountTokens, configuration: Configuration) {
    (self.loop, self.client, self.tokens) = (loop, client, tokens)
    classifier = FailureClassifier(
      configuration.pool.errorPatterns, secrets: configuration.secrets)
    var url = configuration.upstream.baseURL
    while url.hasSuffix("/") { url.removeLast() }
    base = HTTPBaseURL(url)
    timeoutMilliseconds = UInt64(configuration.upstream.firstByteTimeoutMilliseconds)
    completionMayRepeat = configuration.pool.retryAmbiguous
    origin = Self.origin(of: url)
    self.configuration = configuration
    withoutToken = AccountHeaders(token: "", configuration, origin: origin)
  }

  private func headers(of account: AccountPool.AccountIndex) -> AccountHeaders {
    if tokenVersion != tokens.version { takeTokens() }
    return accounts[account].headers
  }

  private func takeTokens() {
    // Read first: what changes in between is taken again.
    tokenVersion = tokens.version
    for (account, token) in tokens.all.enumerated() where account >= accounts.count || accounts[account].token != token {
      classifier.add(secret: token)
      let headers = AccountHeaders(token: token, configuration, origin: origin)
      if account == accounts.count { accounts.append((token, headers)) } else { accounts[account] = (token, headers) }
    }
  }

  /// Scheme and authority of a URL.
  private static func origin(of url: String) -> String {
    guard let scheme = url.utf8.firstIndex(of: UInt8(ascii: ":")) else { return url }
    let authority = url.utf8.index(scheme, offsetBy: 3)
    return String(url[..<(url.utf8[authority...].firstIndex(of: UInt8(ascii: "/")) ?? url.endIndex)])
  }

  /// Starts a completion. `delegate` gets the event stream.
  public func complete(
    _ message: OutgoingMessage, sessionID: Int, account: AccountPool.AccountIndex, delegate: any HTTPTransferDelegate
  ) -> HTTPTransfer {
    let files = message.images.isEmpty ? [] : message.files
    let body = CompletionBody(text: message.text, sessionID: sessionID, files: files)
    let request = HTTPClientRequest(
      method: .post, base: base, path: Call.completion.path, headers: headers(of: account).completion,
      body: body.parts, mayBeSentTwice: completionMayRepeat)
    return client.start(request, delegate: delegate)
  }

  /// Makes a call that answers with an envelope. `done` comes once, unless the call is cancelled; its value lives during `done` only.
  @discardableResult public func call(
    _ name: Call, account: AccountPool.AccountIndex?, body: ByteBuffer? = nil, done: @escaping (JSONCall.Outcome) -> Void
  ) -> JSONCall {
    let call = JSONCall(name, upstream: self, done)
    call.index = pending.count
    pending.append(call)
    awaitDeadline()
    let headers = account.map(headers) ?? withoutToken
    let request = HTTPClientRequest(
      method: name.method.http, base: base, path: name.path, headers: body == nil ? headers.withoutBody : headers.withBody,
      body: body.map { [HTTPClientBodyPart($0)] } ?? [], mayBeSentTwice: name.isIdempotent)
    call.begin(client.start(request, delegate: call))
    return call
  }

  /// What a call tells when it is over.
  func ended(_ call: JSONCall) {
    pending.swapAt(call.index, pending.count - 1)
    pending[call.index].index = call.index
    pending.removeLast()
  }

  func takeBody() -> ByteBuffer { spareBodies.popLast() ?? ByteBuffer(capacity: 512) }

  func giveBack(_ body: ByteBuffer) {
    guard spareBodies.count < Self.maxSpareBodies, body.capacity <= Self.maxSpareBytes else { return }
    body.removeAll()
    spareBodies.append(body)
  }

  private func awaitDeadline() {
    guard !isClosed else { return }
    let timer = self.timer ?? LoopTimer(loop: loop) { [unowned self] in expire() }
    self.timer = timer
    // Every call has the same time, so a running timer is for an earlier one.
    guard !timer.isActive, let next = pending.lazy.map(\.deadline).min() else { return }
    timer.start(after: next > loop.now ? next - loop.now : 0)
  }

  private func expire() {
    for call in pending.filter({ $0.deadline <= loop.now }) { call.expire() }
    awaitDeadline()
  }

  /// Nobody hears of the calls under way any more.
  public func close() {
    isClosed = true
    for call in pending { call.cancel() }
    timer?.close()
    timer = nil
    client.close()
  }
}

extension Call.Method {
  fileprivate var http: HTTPClientRequest.Method {
    switch self {
    case .get: .get
    case .post: .post
    case .put: .put
    case .delete: .delete
    }
  }
}

import EventLoop
import HTTPClient
import Wire
import XSTech

/// Makes XSTech's calls on the HTTP client.
package final class UpstreamClient {
  package let loop: EventLoop
  package let classifier: FailureClassifier
  private let client: HTTPClient
  private let baseURL: String
  private let timeoutMilliseconds: UInt64
  private let completionMayRepeat: Bool
  /// Header lines by account, made once.
  private let accounts: [AccountHeaders]

  private struct AccountHeaders {
    let withBody: HTTPClientHeaders
    let withoutBody: HTTPClientHeaders
    let completion: HTTPClientHeaders
  }

  package init(loop: EventLoop, client: HTTPClient, configuration: Configuration) {
    self.loop = loop
    self.client = client
    classifier = FailureClassifier(
      configuration.pool.errorPatterns, secrets: configuration.cookies.map(\.authorization) + configuration.apiKeys.map(\.key))
    var url = configuration.upstream.baseURL
    while url.hasSuffix("/") { url.removeLast() }
    baseURL = url
    timeoutMilliseconds = UInt64(configuration.upstream.firstByteTimeoutMilliseconds)
    completionMayRepeat = configuration.pool.retryAmbiguous
    let origin = Self.origin(of: url)
    accounts = configuration.cookies.map { cookie in
      let headers = RequestHeaders(
        authorization: cookie.authorization, appVersion: configuration.upstream.appVersion,
        userAgent: configuration.upstream.userAgent, origin: origin)
      let json = "application/json, text/plain, */*"
      return AccountHeaders(
        withBody: HTTPClientHeaders(headers.lines(accept: json, hasBody: true)),
        withoutBody: HTTPClientHeaders(headers.lines(accept: json, hasBody: false)),
        completion: HTTPClientHeaders(headers.lines(accept: "text/event-stream", hasBody: true)))
    }
  }

  /// Scheme and authority of a URL.
  private static func origin(of url: String) -> String {
    guard let scheme = url.utf8.firstIndex(of: UInt8(ascii: ":")) else { return url }
    let authority = url.utf8.index(scheme, offsetBy: 3)
    return String(url[..<(url.utf8[authority...].firstIndex(of: UInt8(ascii: "/")) ?? url.endIndex)])
  }

  /// Starts a completion. `delegate` gets the event stream.
  package func complete(
    _ message: OutgoingMessage, sessionID: Int, account: AccountPool.AccountIndex, delegate: any HTTPTransferDelegate
  ) -> HTTPTransfer {
    let body = CompletionBody(text: message.text, sessionID: sessionID, files: message.files)
    let request = HTTPClientRequest(
      method: .post, url: baseURL + Call.completion.path, headers: accounts[account].completion,
      body: body.parts.map { HTTPClientBodyPart($0.buffer, $0.range) }, mayBeSentTwice: completionMayRepeat)
    return client.start(request, delegate: delegate)
  }

  /// Makes a call that answers with an envelope. `done` comes once, unless the call is cancelled; its value lives during `done` only.
  @discardableResult package func call(
    _ call: Call, account: AccountPool.AccountIndex, body: ByteBuffer? = nil, done: @escaping (JSONCall.Outcome) -> Void
  ) -> JSONCall {
    let pending = JSONCall(loop: loop, classifier: classifier, done)
    let headers = accounts[account]
    let request = HTTPClientRequest(
      method: call.method.http, url: baseURL + call.path, headers: body == nil ? headers.withoutBody : headers.withBody,
      body: body.map { [HTTPClientBodyPart($0)] } ?? [], mayBeSentTwice: call.isIdempotent)
    pending.begin(client.start(request, delegate: pending), timeoutMilliseconds: timeoutMilliseconds)
    return pending
  }

  package func close() { client.close() }
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

import HTTPServer
import OpenAI
import Wire

/// Answers requests: checks the route, the method and the key, and hands chats to an exchange of their own.
public final class GatewayService: HTTPService {
  private let core: GatewayCore
  private let trustedProxies: [IPNetwork]

  public init(_ core: GatewayCore) {
    self.core = core
    trustedProxies = core.configuration.trustedProxies
  }

  public func requestStarted(_ http: HTTPServerExchange) {
    let head = http.head
    let route = Route(path: head.path).flatMap(existing)
    var record = AccessRecord(
      requestID: requestID(head), method: head.method.text, route: route?.template ?? "other",
      client: clientAddress(of: http.peerAddress, head.headers, trusted: trustedProxies), startedAt: core.loop.now)
    guard let route else { return refuse(.unknownURL(path: head.path), http, &record) }
    if head.method == .options {
      return respond(Response.preflight(core.answerHead(record.requestID, nil), allow: route.allowed), ByteBuffer(), http, &record)
    }
    guard route.allows(head.method) else { return refuse(.methodNotAllowed(allowed: route.allowed), http, &record) }
    guard route != .health else { return sendHealth(http, &record) }
    if case .admin(let route) = route { return sendAdmin(route, http, &record) }
    guard route != .metrics else { return sendMetrics(http, &record) }
    guard case .client(let client) = core.keys.check(head.headers) else { return refuse(.invalidAPIKey, http, &record) }
    record.key = client.name
    switch route {
    case .health, .server, .admin, .metrics: break
    case .models, .model: sendModels(route, http, record)
    case .chatCompletions: startChat(http, head, record, client)
    }
  }

  public func refusal(_ problem: HTTPProblem, of exchange: HTTPServerExchange?, peerAddress: String) -> HTTPRefusal {
    let error = GatewayError.http(problem)
    let head = exchange?.head
    var record =
      (exchange?.delegate as? ChatExchange)?.record
      ?? AccessRecord(
        requestID: head.map(requestID) ?? core.identifiers.next("req_"), method: head?.method.text ?? "",
        route: head.flatMap { Route(path: $0.path)?.template } ?? "other",
        client: clientAddress(of: peerAddress, head?.headers, trusted: trustedProxies),
        startedAt: core.loop.now)
    record.status = error.status
    record.error = error
    let answer = Response.error(error, core.answerHead(record.requestID, nil))
    return HTTPRefusal(answer.head, answer.body) { [core, record] bytes in
      var record = record
      record.bytes = bytes
      core.finished(record)
    }
  }

  // MARK: Routes

  private func startChat(
    _ http: HTTPServerExchange, _ head: HTTPRequestHead, _ record: consuming AccessRecord, _ client: ClientIdentity
  ) {
    guard Self.takes(head.headers.mediaType ?? .none) else {
      return refuse(.unsupportedMediaType(head.headers["content-type"] ?? ""), http, &record)
    }
    if let error = core.begin(client).map(GatewayError.keyLimited) {
      return refuse(error, http, &record, client)
    }
    let exchange = ChatExchange(core: core, http: http, record: record, client: client)
    http.delegate = exchange
    http.readBody(limit: core.configuration.limits.maxBodyBytes)
  }

  private func sendModels(_ route: Route, _ http: HTTPServerExchange, _ record: AccessRecord) {
    core.models.withCatalog { [self] answer in
      var record = record
      guard http.isOpen else {
        record.isAbandoned = true
        return core.finished(record)
      }
      switch (answer, route) {
      case (.failure(let error), _): refuse(error, http, &record)
      case (.success(let catalog), .model(let id)):
        guard let entry = catalog[id] else { return refuse(.modelNotFound(name: id, hint: catalog.hint(for: id)), http, &record) }
        let body = ByteBuffer()
        var writer = JSONWriter(body)
        ModelObject(id: entry.id).write(to: &writer)
        respond(Response.json(200, core.answerHead(record.requestID, nil)), body, http, &record)
      case (.success(let catalog), _):
        let body = ByteBuffer(capacity: catalog.listBody.count)
        body.append(catalog.listBody)
        respond(Response.json(200, core.answerHead(record.requestID, nil)), body, http, &record)
      }
    }
  }

  /// Without an admin key there is no `/admin`, and behind API keys no `/metrics` without a key of its own.
  private func existing(_ route: Route) -> Route? {
    if case .admin = route, core.configuration.adminKey.isEmpty { return nil }
    if route == .metrics, !core.configuration.apiKeys.isEmpty, core.configuration.metrics.key.isEmpty { return nil }
    return route
  }

  private func sendMetrics(_ http: HTTPServerExchange, _ record: inout AccessRecord) {
    if !core.configuration.apiKeys.isEmpty {
      guard let offered = ClientKeys.bearer(http.head.headers),
        SecretDigest(core.configuration.metrics.key).matches(offered)
      else {
        return refuse(.invalidAPIKey, http, &record)
      }
    }
    let record = record
    core.statusQueries.gather { [self] statuses in
      guard http.isOpen else { return }
      var record = record
      respond(Response.metrics(core.answerHead(record.requestID, nil)), MetricsPage(core, statuses).render(), http, &record)
    }
  }

  private func sendAdmin(_ route: AdminService.Route, _ http: HTTPServerExchange, _ record: inout AccessRecord) {
    guard let offered = ClientKeys.bearer(http.head.headers),
      SecretDigest(core.configuration.adminKey).matches(offered)
    else {
      return refuse(.invalidAPIKey, http, &record)
    }
    let record = record
    AdminService(core: core).answer(route) { [self] body in
      guard http.isOpen else { return }
      var record = record
      guard let body else { return refuse(.unknownURL(path: http.head.path), http, &record) }
      respond(Response.json(200, core.answerHead(record.requestID, nil)), body, http, &record)
    }
  }

  private func sendHealth(_ http: HTTPServerExchange, _ record: inout AccessRecord) {
    let health = Health(core)
    let body = ByteBuffer()
    health.write(to: body)
    respond(Response.json(health.status, core.answerHead(record.requestID, nil)), body, http, &record)
  }

  // MARK: Helpers

  private func refuse(
    _ error: GatewayError, _ http: HTTPServerExchange, _ record: inout AccessRecord, _ client: ClientIdentity? = nil
  ) {
    record.error = error
    let (head, body) = Response.error(error, core.answerHead(record.requestID, client))
    respond(head, body, http, &record)
  }

  private func respond(_ head: HTTPResponseHead, _ body: ByteBuffer, _ http: HTTPServerExchange, _ record: inout AccessRecord) {
    record.status = head.status
    http.respond(head, body: body)
    record.bytes = http.responseBytes
    core.finished(record)
  }

  private func requestID(_ head: HTTPRequestHead) -> String {
    if let id = head.headers["x-request-id"], Self.isValidRequestID(id) { return id }
    return core.identifiers.next("req_")
  }

  /// `[A-Za-z0-9._-]{1,128}`
  static func isValidRequestID(_ id: String) -> Bool {
    guard (1...128).contains(id.utf8.count) else { return false }
    return id.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
  }

  /// Whether a body of that type may be a request: some clients do not say what they send.
  static func takes(_ type: MediaType) -> Bool {
    switch type {
    case .none, .json, .basedOnJSON: true
    case .eventStream, .html, .other: false
    }
  }
}

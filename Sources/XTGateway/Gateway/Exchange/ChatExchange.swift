import EventLoop
import HTTPClient
import HTTPServer
import OpenAI
import Wire
import XSTech

/// Drives one chat exchange: carries out what `ChatExchangeState` says, on the client's side and the upstream's.
///
/// Kept alive by the core from its beginning until its end, and by the transfer until that has ended.
final class ChatExchange {
  // First what every chunk touches, so that it lies in few cache lines.
  //
  // The run-time check for overlapping accesses stays on `reader`, which is held while a chunk is translated; the others cannot be
  // reached from there, and the check would be paid for every chunk.
  let core: GatewayCore
  let http: HTTPServerExchange
  @exclusivity(unchecked) var encoder: (any AnswerEncoder)?
  @exclusivity(unchecked) var transfer: HTTPTransfer?
  /// Nil before the first.
  @exclusivity(unchecked) var lastPiecesAt: UInt64?
  @exclusivity(unchecked) var clock: ExchangeClock
  @exclusivity(unchecked) var state: ChatExchangeState
  var reader: CompletionReader

  var record: AccessRecord
  private let client: ClientIdentity
  /// Where this stands in the core's list of running exchanges.
  var slot = 0
  private var timer: LoopTimer?
  /// It was set to what can become due.
  private var isArmed = false
  /// Nil before the body is read; without its turns as soon as the answer has begun.
  private var query: ChatQuery?
  /// The upstream's values of the model, the one in use first.
  private var models: ArraySlice<String> = []
  /// Images that one message may carry.
  private var maxFiles = 0
  private var ticket: AccountPool.Ticket?
  private var queuedAt: UInt64?
  /// When the message was sent that is being answered.
  private var sentAt: UInt64?
  private var lease: Lease?
  /// Accounts that failed this request.
  private var failedAccounts: [AccountPool.AccountIndex] = []
  private var hasPunished = false
  private var hold: SessionHold?
  /// A touch of the session is under way.
  private var isTouching = false
  /// Digest of the turns up to the last answer, and, once the answer comes, of those and the new turns.
  private var conversation: ConversationKey
  @exclusivity(unchecked) var response: CompletionResponse?

  /// Of the object's memory, up to and including `reader`.
  static let hotBytes = 640

  /// How long the rest of a finished answer's transfer may take before its connection is given up.
  private static let leftoverMilliseconds: UInt64 = 5000

  init(core: GatewayCore, http: HTTPServerExchange, record: consuming AccessRecord, client: ClientIdentity) {
    (self.core, self.http, self.record, self.client) = (core, http, record, client)
    conversation = client.digest
    state = ChatExchangeState(policy: core.policy)
    clock = ExchangeClock(limits: core.clockLimits, now: core.loop.now, sendsKeepAlives: false)
    reader = Self.reader(core, stops: [])
    core.began(self)
  }

  private static func reader(_ core: GatewayCore, stops: [String]) -> CompletionReader {
    CompletionReader(
      stops: stops, digest: core.digest, maxEventBytes: core.configuration.upstream.maxEventBytes, scratch: core.scratch,
      classifier: core.upstream.classifier)
  }

  // MARK: The request

  /// The body is read: decodes it and sets off.
  func begin(_ body: ByteBuffer) {
    let request: ChatRequest
    do throws(RequestError) { request = try ChatRequest.decode(body, limits: RequestLimits(core.configuration)) } catch {
      return perform(state.failed(.invalidRequest(error)))
    }
    let query = OpenAIDialect.query(request)
    self.query = query
    record.model = excerpt(request.model)
    record.isStream = request.stream
    if !query.stops.isEmpty { reader = Self.reader(core, stops: query.stops) }
    encoder = OpenAIDialect.encoder(
      for: request, http: http, id: core.identifiers.next("chatcmpl-"), head: core.answerHead(record.requestID, client))
    clock = ExchangeClock(limits: core.clockLimits, now: core.loop.now, sendsKeepAlives: request.stream)
    timer = LoopTimer(loop: core.loop, delegate: self)
    if let catalog = core.models.catalog {
      catalogReady(.success(catalog))
    } else {
      core.models.withCatalog { [self] answer in catalogReady(answer) }
    }
    if !isArmed { rearm() }
  }

  private func catalogReady(_ answer: ModelDirectory.Answer) {
    guard state.stage == .models, let query else { return }
    switch answer {
    case .failure(let error): fail(error)
    case .success(let catalog):
      guard let entry = catalog[query.model] else {
        return fail(.modelNotFound(name: query.model, hint: catalog.hint(for: query.model)))
      }
      if let error = FileRules.check(query, catalog: catalog, entry: entry) { return fail(.invalidRequest(error)) }
      maxFiles = FileRules.maxFiles(for: entry, catalog)
      models = core.modelsToTry(entry.values)
      guard !models.isEmpty else { return fail(.modelUnavailable("it had no channel a moment ago")) }
      perform(state.modelFound(alternatives: models.count - 1))
    }
  }

  // MARK: Actions

  func perform(_ action: ChatExchangeState.Action) {
    switch action {
    case .askForAccount: askForAccount()
    case .createSession: createSession()
    case .replaceSession: replaceSession()
    case .tryElsewhere(let error): tryElsewhere(error)
    case .tryNextModel(let error): tryNextModel(error)
    case .updateSession: updateSession()
    case .send: send()
    case .finish(let keepsSession): finish(keepsSession: keepsSession)
    case .fail(let error): tell(error)
    case .abandon:
      record.isAbandoned = true
      cleanUp(.neutral, keepsSession: false)
    case .sendKeepAlive:
      encoder?.keepAlive()
      if encoder?.isCommitted == true { record.status = 200 }
    case .nothing: break
    }
  }

  func fail(_ error: GatewayError) { perform(state.failed(error)) }
  func cutOff() { perform(state.cutOff()) }

  private func askForAccount() {
    guard let query else { return }
    conversation = query.historyCount > 0 ? core.digest.extend(client.digest, by: query.history) : client.digest
    if query.historyCount > 0, !query.newTurns.isEmpty, hold == nil, failedAccounts.isEmpty {
      hold = core.sessions.take(conversation).map(SessionHold.init(taken:))
    }
    switch core.desk.ask(self, key: client.index, preferred: hold?.session.account, excluded: failedAccounts) {
    case .granted(let lease): leaseGranted(lease)
    case .refused(let error): perform(state.refused(error))
    case .waiting(let ticket):
      self.ticket = ticket
      queuedAt = core.loop.now
      clock.queued(core.loop.now)
      rearm()
    }
  }

  var holdsSession: Bool { hold != nil }

  private var model: String { models.first ?? "" }

  /// There is an account: finds a session on it.
  private func prepare(on account: AccountPool.AccountIndex) {
    if let hold, hold.session.account != account || !hold.session.remembersEverything {
      // Another account, or one round too many: the conversation is written out in a new session.
      putAway(hold, isWorn: !hold.session.remembersEverything)
      self.hold = nil
    }
    guard let query else { return }
    if hold == nil {
      if query.historyCount > 0 { core.sessions.noteReplay() }
      hold = core.sessions.takePrepared(account: account, model: model).map(SessionHold.init(prepared:))
    }
    perform(state.leased(needs: hold?.need(for: query, model: model) ?? .create))
  }

  private func createSession() {
    guard let account = lease?.account, let query else { return }
    let attempt = state.attempts
    core.sessions.make(account: account, model: model) { [self] outcome in
      let isCurrent = state.stage == .creating && state.attempts == attempt
      switch outcome {
      case .failure(let error): if isCurrent { fail(error) }
      case .success(let session):
        // Even when nobody waits for it any more, it has to be deleted.
        guard isCurrent else { return core.sessions.discard(session) }
        let hold = SessionHold(made: session)
        self.hold = hold
        perform(state.sessionCreated(needs: hold.need(for: query, model: model)))
      }
    }
  }

  private func replaceSession() {
    core.log.info("the upstream lost the session of \(record.requestID); the conversation is replayed in a new one")
    core.metrics.retries += 1
    endTransfer()
    hold = nil
    // The one before has seen its last event.
    reader = Self.reader(core, stops: query?.stops ?? [])
    createSession()
  }

  private func updateSession() {
    guard let session = hold?.session, let query else { return }
    hold?.isTouched = true
    let attempt = state.attempts
    let settings = session.settings(for: query, model: model)
    let body = session.session.updateBody(settings, name: core.sessions.name)
    core.upstream.call(.updateSession(id: session.session.id), account: session.account, body: body) { [self] outcome in
      guard state.stage == .updating, state.attempts == attempt else { return }
      switch outcome {
      case .failure(let error): fail(error)
      case .success:
        hold?.session.wasUpdated(to: settings)
        hold?.session.touchedAt = core.loop.now
        perform(state.sessionUpdated())
      }
    }
  }

  private func send() {
    guard let hold, let query else { return }
    self.hold?.isTouched = true
    let message = hold.isFresh ? Transcript.replay(of: query, maxFiles: maxFiles) : Transcript.newTurns(of: query)
    clock.sent(core.loop.now)
    sentAt = core.loop.now
    rearm()
    transfer = core.upstream.complete(message, sessionID: hold.session.session.id, account: hold.session.account, delegate: self)
    touchSession()
  }

  /// Tells the upstream that a session which it has not heard of for long is in use, lest another gateway takes it for left behind.
  func touchSession() {
    guard let session = hold?.session, transfer != nil, core.loop.now >= session.touchedAt + core.sessions.touchMilliseconds,
      let query
    else { return }
    hold?.session.touchedAt = core.loop.now
    isTouching = true
    let body = session.session.updateBody(session.settings(for: query, model: model), name: core.sessions.name)
    core.upstream.call(.updateSession(id: session.session.id), account: session.account, body: body) { [self] outcome in
      isTouching = false
      // At worst the session is lost, and the conversation replayed.
      if case .failure(let error) = outcome { core.log.debug("a session in use could not be touched: \(error.message)") }
    }
  }

  /// The answer has begun: the message will not be needed again. Its texts and images may be megabytes.
  func forgetQuestion() {
    guard let query else { return }
    conversation = core.digest.extend(conversation, by: query.newTurns)
    query.forgetTurns()
  }

  // MARK: Going on after a failure

  private func tryElsewhere(_ error: GatewayError) {
    guard let lease else { return }
    noteAttempt(error, then: "trying another account")
    self.lease = nil
    leaveSession()
    core.desk.giveBack(lease, outcome(error))
    // The same account may be tried again with its next token.
    if !error.isOfToken || !core.desk.read({ $0.accounts[lease.account].isRenewed }) { failedAccounts.append(lease.account) }
    core.metrics.failovers += 1
    askForAccount()
  }

  private func tryNextModel(_ error: GatewayError) {
    guard let lease else { return }
    noteAttempt(error, then: "trying the next model")
    core.modelFailed(model)
    models = models.dropFirst()
    leaveSession()
    prepare(on: lease.account)
  }

  private func noteAttempt(_ error: GatewayError, then: String) {
    core.metrics.retries += 1
    noteMessage(error.code)
    let account = lease?.accountName ?? ""
    core.log.notice(
      "attempt \(state.attempts) of \(record.requestID) on \(account) failed (\(error.code)): \(error.message); \(then)")
  }

  /// What became of the message, for the metrics.
  private func noteMessage(_ outcome: String) {
    guard let sentAt else { return }
    core.metrics.called("completion", outcome, milliseconds: core.loop.now - sentAt)
    self.sentAt = nil
  }

  /// What was said to the session is uncertain: it is of no use any more.
  private func leaveSession() {
    endTransfer()
    if let hold { putAway(hold, isWorn: false) }
    hold = nil
    reader = Self.reader(core, stops: query?.stops ?? [])
    clock.left()
  }

  private func endTransfer() {
    transfer?.cancel()
    (transfer, response) = (nil, nil)
  }

  /// At most one account is punished for one request.
  private func outcome(_ error: GatewayError) -> LeaseOutcome {
    let outcome = error.outcome(untilCredits: Timestamp.millisecondsUntilNextDay)
    guard error.blame == .account else { return outcome }
    defer { hasPunished = true }
    return hasPunished ? .neutral : outcome
  }

  // MARK: Ends

  private func finish(keepsSession: Bool) {
    guard let encoder else { return }
    reader.flush(to: encoder)
    record.status = 200
    record.usage = reader.usage
    core.modelSucceeded(model)
    encoder.finish(reader.usage)
    // A touch that is still under way could undo what the next turn sets.
    cleanUp(.success, keepsSession: keepsSession && reader.agreesWithRecord && !isTouching)
  }

  private func tell(_ error: GatewayError) {
    record.error = error
    if case .modelUnavailable = error, lease != nil { core.modelFailed(model) }
    if let encoder, encoder.isCommitted {
      record.status = 200
      encoder.fail(error)
    } else {
      record.status = error.status
      Response.send(error, to: http, head: core.answerHead(record.requestID, client))
    }
    cleanUp(outcome(error), keepsSession: false)
  }

  private func cleanUp(_ outcome: LeaseOutcome, keepsSession: Bool) {
    http.delegate = nil
    // Whoever still holds it must not hold its texts and images.
    query?.forgetTurns()
    query = nil
    if let ticket { core.desk.withdraw(ticket) }
    ticket = nil
    if var hold {
      self.hold = nil
      if keepsSession {
        hold.session.finishedRound()
        hold.session.touchedAt = core.loop.now
        core.sessions.file(hold.session, under: core.digest.extend(conversation, byAnswer: reader.answerDigest.trimmed))
      } else {
        putAway(hold, isWorn: false)
      }
    }
    if outcome == .success, transfer != nil, !reader.isStopped {
      // The last bytes are let through, so that the connection can be used again.
      timer?.start(after: Self.leftoverMilliseconds)
    } else {
      releaseTransfer()
    }
    noteMessage(record.isAbandoned ? "cancelled" : record.error?.code ?? "ok")
    record.pieces = reader.pieces
    record.bytes = http.responseBytes
    record.attempts = state.attempts
    // A refusal by the server itself is counted and logged where it is made.
    if !http.wasRefused { core.finished(record) }
    core.ended(self, client)
    if let lease {
      self.lease = nil
      core.desk.giveBack(lease, outcome)
    }
  }

  /// A session that is not used after all: back to its place if nobody has spoken to it, else deleted.
  private func putAway(_ hold: SessionHold, isWorn: Bool) {
    if hold.isTouched || isWorn {
      core.sessions.noteEnd(isWorn ? .worn : .failed)
      core.sessions.discard(hold.session)
    } else if hold.isFresh {
      core.sessions.putBack(hold.session)
    } else {
      core.sessions.file(hold.session, under: conversation)
    }
  }

  func releaseTransfer() {
    endTransfer()
    timer?.close()
    timer = nil
  }

  // MARK: Time

  func timerDidFire() {
    isArmed = false
    guard state.stage != .ended else { return releaseTransfer() }
    if let due = clock.due(core.loop.now) { perform(state.due(due, poolState: core.desk.queueTimeout())) }
    rearm()
  }

  /// Starts the timer for the next thing that can become due, unless the exchange is over.
  func rearm() {
    guard let timer, state.stage != .ended else { return }
    let (now, next) = (core.loop.now, clock.next)
    isArmed = true
    timer.start(after: next > now ? next - now : 1)
  }
}

extension ChatExchange: LoopTimerDelegate {}

extension ChatExchange: LeaseReceiver {
  func leaseGranted(_ lease: Lease) {
    ticket = nil
    self.lease = lease
    if let queuedAt { core.metrics.waited(milliseconds: core.loop.now - queuedAt) }
    queuedAt = nil
    record.account = lease.accountName
    clock.leased()
    prepare(on: lease.account)
  }

  func leaseRefused(_ error: GatewayError) {
    ticket = nil
    clock.leased()
    perform(state.refused(error))
  }
}

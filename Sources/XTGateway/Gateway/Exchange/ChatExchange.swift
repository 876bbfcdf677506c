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
  let core: GatewayCore
  let http: HTTPServerExchange
  var record: AccessRecord
  private let identity: ConversationKey

  var state = ChatExchangeState()
  var clock: ExchangeClock
  private var timer: LoopTimer?
  private var query = ChatQuery(model: "", system: "", turns: [])
  private var model = ""
  private var ticket: AccountPool.Ticket?
  private var account: AccountPool.AccountIndex?
  private var hold: SessionHold?
  /// Digest of what the held session knows before it is asked; once its answer comes, of that and the new turns.
  private var conversation: ConversationKey
  var reader: CompletionReader
  var encoder: (any AnswerEncoder)?
  var response: CompletionResponse?
  var transfer: HTTPTransfer?

  /// How long the rest of a finished answer's transfer may take before its connection is given up.
  private static let leftoverMilliseconds: UInt64 = 5000

  init(core: GatewayCore, http: HTTPServerExchange, record: AccessRecord, identity: ConversationKey) {
    (self.core, self.http, self.record, self.identity) = (core, http, record, identity)
    conversation = identity
    clock = ExchangeClock(limits: core.clockLimits, now: core.loop.now, sendsKeepAlives: false)
    reader = Self.reader(core, stops: [])
    core.began(self)
  }

  private static func reader(_ core: GatewayCore, stops: [String]) -> CompletionReader {
    CompletionReader(
      stops: stops, digest: core.digest.answer(), maxEventBytes: core.configuration.upstream.maxEventBytes, scratch: core.scratch)
  }

  // MARK: The request

  /// The body is read: decodes it and sets off.
  func begin(_ body: ByteBuffer) {
    var limits = RequestLimits()
    limits.maxJSONDepth = core.configuration.limits.maxJSONDepth
    limits.maxMessages = core.configuration.limits.maxMessages
    limits.maxImageBytes = core.configuration.limits.maxImageBytes
    let request: ChatRequest
    do throws(RequestError) { request = try ChatRequest.decode(body, limits: limits) } catch { return fail(.invalidRequest(error)) }
    query = OpenAIDialect.query(request)
    record.model = request.model
    record.isStream = request.stream
    if !query.stops.isEmpty { reader = Self.reader(core, stops: query.stops) }
    encoder = OpenAIDialect.encoder(for: request, http: http, id: core.identifiers.next(), requestID: record.requestID)
    clock = ExchangeClock(limits: core.clockLimits, now: core.loop.now, sendsKeepAlives: request.stream)
    timer = LoopTimer(loop: core.loop) { [unowned self] in timerFired() }
    rearm()
    core.models.withCatalog { [self] answer in catalogReady(answer) }
  }

  private func catalogReady(_ answer: ModelDirectory.Answer) {
    guard state.stage == .models else { return }
    switch answer {
    case .failure(let error): fail(error)
    case .success(let catalog):
      guard let entry = catalog[query.model] else {
        return fail(.modelNotFound(name: query.model, hint: catalog.hint(for: query.model)))
      }
      if let error = FileRules.check(query, catalog: catalog, entry: entry) { return fail(.invalidRequest(error)) }
      model = entry.values[0]
      perform(state.modelFound())
    }
  }

  // MARK: Actions

  func perform(_ action: ChatExchangeState.Action) {
    switch action {
    case .askForAccount: askForAccount()
    case .createSession: createSession()
    case .replaceSession: replaceSession()
    case .updateSession: updateSession()
    case .send: send()
    case .finish(let keepsSession): finish(keepsSession: keepsSession)
    case .fail(let error): tell(error)
    case .abandon:
      record.error = nil
      record.isAbandoned = true
      cleanUp(keepsSession: false)
    case .sendKeepAlive:
      encoder?.keepAlive()
      if encoder?.isCommitted == true { record.status = 200 }
    case .nothing: break
    }
  }

  func fail(_ error: GatewayError) { perform(state.failed(error)) }

  private func askForAccount() {
    if query.historyCount > 0 {
      conversation = core.digest.extend(identity, by: query.history)
      if !query.newTurns.isEmpty { hold = core.sessions.take(conversation).map(SessionHold.init(taken:)) }
    }
    let ticket = core.newTicket()
    switch core.lease(for: self, ticket: ticket, preferred: hold?.session.account) {
    case .leased(let account): leased(account)
    case .waiting:
      self.ticket = ticket
      clock.queued(core.loop.now)
      rearm()
    case .refused(let error): fail(error)
    }
  }

  /// The pool gave an account: at once, or to a waiter.
  func leased(_ account: AccountPool.AccountIndex) {
    ticket = nil
    self.account = account
    record.account = core.pool.accounts[account].name
    clock.leased()
    if let hold, hold.session.account != account || !hold.session.remembersEverything {
      // Another account, or one round too many: the conversation is written out in a new session.
      putAway(hold, isWorn: !hold.session.remembersEverything)
      self.hold = nil
    }
    if hold == nil {
      if query.historyCount > 0 { core.sessions.noteReplay() }
      hold = core.sessions.takePrepared(account: account, model: model).map(SessionHold.init(prepared:))
    }
    perform(state.leased(needs: hold?.need(for: query, model: model) ?? .create))
  }

  private func createSession() {
    guard let account else { return }
    core.upstream.call(.createSession(model: model), account: account, body: Call.createSessionBody(model: model)) {
      [self] outcome in
      switch outcome {
      case .failure(let error): fail(error)
      case .success(let data):
        guard let made = data.flatMap(Session.init) else { return fail(.badResponse("a new session has no id")) }
        // Even when nobody waits for it any more, it has to be deleted.
        guard state.stage == .creating else { return core.sessions.discard(id: made.id, account: account) }
        let hold = SessionHold(made: LiveSession(account: account, session: made))
        self.hold = hold
        perform(state.sessionCreated(needs: hold.need(for: query, model: model)))
      }
    }
  }

  private func replaceSession() {
    core.log.info("the upstream lost a session; the conversation is replayed in a new one")
    transfer?.cancel()
    (transfer, response, hold) = (nil, nil, nil)
    // The one before has seen its last event.
    reader = Self.reader(core, stops: query.stops)
    createSession()
  }

  private func updateSession() {
    guard let session = hold?.session else { return }
    hold?.isTouched = true
    let settings = session.settings(for: query, model: model)
    let body = session.session.updateBody(settings, name: core.sessions.name)
    core.upstream.call(.updateSession(id: session.session.id), account: session.account, body: body) { [self] outcome in
      switch outcome {
      case .failure(let error): fail(error)
      case .success:
        guard state.stage == .updating else { return }
        hold?.session.wasUpdated(to: settings)
        perform(state.sessionUpdated())
      }
    }
  }

  private func send() {
    guard let hold else { return }
    self.hold?.isTouched = true
    let maxFiles = core.models.catalog?.maxFiles ?? core.configuration.limits.maxFiles
    let message = hold.isFresh ? Transcript.replay(of: query, maxFiles: maxFiles) : Transcript.newTurns(of: query)
    clock.sent(core.loop.now)
    rearm()
    transfer = core.upstream.complete(message, sessionID: hold.session.session.id, account: hold.session.account, delegate: self)
  }

  /// The answer has begun: the message will not be needed again. Its texts and images may be megabytes.
  func forgetQuestion() {
    conversation = core.digest.extend(conversation, by: query.newTurns)
    query.turns = []
  }

  // MARK: Ends

  private func finish(keepsSession: Bool) {
    guard let encoder else { return }
    reader.flush(to: encoder)
    record.status = 200
    record.usage = reader.usage
    encoder.finish(reader.usage)
    cleanUp(keepsSession: keepsSession)
  }

  private func tell(_ error: GatewayError) {
    record.error = error
    if let encoder, encoder.isCommitted {
      encoder.fail(error)
    } else {
      record.status = error.status
      Response.send(error, to: http, requestID: record.requestID)
    }
    cleanUp(keepsSession: false)
  }

  func cutOff() { fail(.shuttingDown) }

  private func cleanUp(keepsSession: Bool) {
    http.delegate = nil
    query.turns = []
    if let ticket { core.withdraw(ticket) }
    ticket = nil
    if var hold {
      self.hold = nil
      if keepsSession {
        hold.session.finishedRound()
        core.sessions.file(hold.session, under: core.digest.extend(conversation, byAnswer: reader.answerDigest.trimmed))
      } else {
        putAway(hold, isWorn: false)
      }
    }
    if keepsSession, transfer != nil {
      // The last bytes are let through, so that the connection can be used again.
      timer?.start(after: Self.leftoverMilliseconds)
    } else {
      releaseTransfer()
    }
    record.pieces = reader.pieces
    core.accessLog.write(record, now: core.loop.now)
    core.ended(self)
    if let account {
      self.account = nil
      core.release(account)
    }
  }

  /// A session that is not used after all: back to its place if nobody has spoken to it, else deleted.
  private func putAway(_ hold: SessionHold, isWorn: Bool) {
    if hold.isTouched || isWorn {
      core.sessions.discard(hold.session)
    } else if hold.isFresh {
      core.sessions.putBack(hold.session)
    } else {
      core.sessions.file(hold.session, under: conversation)
    }
  }

  func releaseTransfer() {
    transfer?.cancel()
    transfer = nil
    timer?.close()
    timer = nil
  }

  // MARK: Time

  private func timerFired() {
    guard state.stage != .ended else { return releaseTransfer() }
    if let due = clock.due(core.loop.now) { perform(state.due(due, queueState: core.pool.description)) }
    rearm()
  }

  /// Starts the timer for the next thing that can become due, unless the exchange is over.
  func rearm() {
    guard let timer, state.stage != .ended else { return }
    let (now, next) = (core.loop.now, clock.next)
    timer.start(after: next > now ? next - now : 1)
  }
}

import EventLoop
import HTTPServer
import Wire

/// What can be changed at run time.
struct Behaviour {
  /// Pieces of a usual answer; 0: as many as its text has.
  var pieces = 0
  var pieceBytes = 12
  var intervalMilliseconds = 0.0
  var firstMilliseconds = 0.0
  var reasoning = false
  var promptEcho = false
}

/// The service: state in values, and the exchanges that change it.
final class Simulator: HTTPService {
  struct Setup {
    var accounts = Accounts(count: 1, tokens: [], logins: [], credits: 1_000_000, tokenSeconds: 604_800)
    var sessionLimit = 1000
    var faults: [FaultRules.Rule] = []
    var behaviour = Behaviour()
    /// Requests that `/_requests` shows; 0: none.
    var recordedRequests = 0
  }

  static let bodyLimit = 128 << 20

  let pacer: Pacer
  let initialBehaviour: Behaviour
  var behaviour: Behaviour
  var accounts: Accounts
  var sessions: SessionStore
  var faults: FaultRules
  var stats = Stats()
  var log: RequestLog
  let begun = Clock.monotonicMicroseconds()

  init(loop: EventLoop, _ setup: Setup) throws(UVError) {
    pacer = try Pacer(loop: loop)
    (accounts, initialBehaviour, behaviour) = (setup.accounts, setup.behaviour, setup.behaviour)
    sessions = SessionStore(limit: setup.sessionLimit)
    faults = FaultRules(setup.faults)
    log = RequestLog(limit: setup.recordedRequests)
  }

  func requestStarted(_ exchange: HTTPServerExchange) {
    exchange.delegate = BodyReader(self)
    exchange.readBody(limit: Self.bodyLimit)
  }

  func refusal(_ problem: HTTPProblem, of exchange: HTTPServerExchange?, peerAddress: String) -> HTTPRefusal {
    let answer = Answer.failure(problem.status, "\(problem)", status: problem.status)
    return HTTPRefusal(answer.head, answer.body)
  }

  func handle(_ exchange: HTTPServerExchange, _ body: ByteBuffer) {
    log.add(exchange.head, body)
    switch Route(exchange.head.method, exchange.head.path) {
    case .call(let call, let id): handle(exchange, body, call, id)
    case .control: send(control(body), exchange)
    case .stats: send(statsAnswer(), exchange)
    case .sessions: send(sessionsAnswer(), exchange)
    case .requests: send(.json { self.log.write(to: &$0) }, exchange)
    case .reset: send(reset(), exchange)
    case .wrongMethod: send(.failure(405, "method not allowed", status: 405), exchange)
    case .unknown:
      stats.unknownPaths += 1
      send(.failure(404, "not found", status: 404), exchange)
    }
  }

  func send(_ answer: Answer, _ exchange: HTTPServerExchange) {
    exchange.respond(answer.head, body: answer.body)
  }

  private func handle(_ exchange: HTTPServerExchange, _ body: ByteBuffer, _ call: Call, _ id: Int?) {
    stats.count(call)
    switch call {
    case .openAIModels: return send(openAIModels(), exchange)
    case .openAIChat: return openAIChat(exchange, body)
    case .login: return deliver(login(body.bytes), exchange, faults.take(account: nil, call: call))
    default: break
    }
    let account: Int
    do {
      account = try accounts.authenticate(exchange.head.headers["authorization"], now: Clock.unixSeconds())
    } catch {
      stats.unauthorized += 1
      return send(Self.unauthorized(error), exchange)
    }
    let faults = faults.take(account: accounts.all[account].name, call: call)
    if call == .completion { return complete(exchange, body, account, faults) }
    if faults.substitute == nil && faults.cut == nil {
      return deliver(answer(call, account, id, exchange.head.query, body), exchange, faults)
    }
    deliver(Answer(), exchange, faults)
  }

  private static func unauthorized(_ failure: Accounts.Failure) -> Answer {
    switch failure {
    case .missing: .failure(401, "请先登录", status: 401)
    case .unknown: .failure(401, "token 无效", status: 401)
    case .expired: .failure(401, "登录已过期", status: 401)
    }
  }

  /// Sends the answer to a call that streams nothing, with the faults that apply to such.
  private func deliver(_ answer: Answer, _ exchange: HTTPServerExchange, _ faults: Faults) {
    let delayed = DelayedAnswer(answer, exchange, faults)
    guard faults.slowFirst > 0 else { return delayed.deliver() }
    pacer.add(delayed, due: Clock.monotonicMicroseconds() + UInt64(faults.slowFirst) * 1000)
  }

  /// A completion is over; what it leaves behind in its session is `record`.
  func completionEnded(_ job: Job, _ outcome: Outcome, _ record: Record?) {
    stats.ended(job.account, outcome)
    guard job.account != nil else { return }
    sessions.end(job.session, remembering: record, now: Clock.unixSeconds())
  }
}

/// Waits for a request's body.
private final class BodyReader: HTTPServerExchangeDelegate {
  private let simulator: Simulator
  init(_ simulator: Simulator) { self.simulator = simulator }

  func exchange(_ exchange: HTTPServerExchange, didReadBody body: ByteBuffer) {
    exchange.delegate = nil
    simulator.handle(exchange, body)
  }
  func exchangeDidDrain(_ exchange: HTTPServerExchange) {}
  func exchangeDidClose(_ exchange: HTTPServerExchange) {}
}

/// The answer to a call, held back if need be, or what a fault makes of it.
private final class DelayedAnswer: PacedWork {
  private let answer: Answer
  private let exchange: HTTPServerExchange
  private let faults: Faults

  init(_ answer: Answer, _ exchange: HTTPServerExchange, _ faults: Faults) {
    (self.answer, self.exchange, self.faults) = (answer, exchange, faults)
  }

  func run(now: UInt64) -> UInt64? {
    deliver()
    return nil
  }

  func deliver() {
    guard exchange.isOpen else { return }
    var answer = faults.substitute.map { Answer($0) } ?? answer
    switch faults.cut {
    case nil: break
    case .stall: return
    case .reset, .truncate, .close: return exchange.abort()
    case .garbage: answer = Answer(body: ByteBuffer("{\"code\":0,\"data\":{\"models\":[{\"lab<garbage>"))
    case .error(_, let message): answer = .failure(500, message)
    }
    exchange.respond(answer.head, body: answer.body)
  }
}

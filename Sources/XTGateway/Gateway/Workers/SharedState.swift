import EventLoop
import Synchronization
import Wire

/// What all loops of the process share. Values under locks that are held for a moment and never across a call out; two are never held at once.
public final class SharedState: Sendable {
  public let workers: Int
  /// Every loop's mailbox, by its number.
  public let mailboxes: [LoopMailbox<WorkerMessage>]
  let pool: SharedPool
  public let tokens: AccountTokens
  let sessions: Locked<SessionStore>
  let clients: Locked<ClientRegistry>
  let modelHealth: Locked<ModelHealth>
  let digest: ConversationDigest
  /// What sessions of this process are called.
  let sessionName: String
  /// In ms on the loops' clock, for `/health`.
  let startedAt: UInt64
  private let running = Atomic(0)

  /// - Parameters:
  ///   - workers: how many loops there are.
  ///   - now: in ms on the loops' clock.
  public init(_ configuration: Configuration, workers: Int, now: UInt64) {
    self.workers = workers
    mailboxes = (0..<workers).map { _ in LoopMailbox() }
    let pool = AccountPool(
      accounts: configuration.cookies.map { Account($0, configuration, now: now) }, limits: .init(configuration),
      breaker: .init(configuration), seed: .random(in: 0 ... .max))
    self.pool = SharedPool(pool)
    tokens = AccountTokens(configuration.cookies.map(\.authorization))
    sessions = Locked(SessionStore(configuration))
    digest = ConversationDigest(key: SipHash128.Key(k0: .random(in: 0 ... .max), k1: .random(in: 0 ... .max)))
    var registry = ClientRegistry(digest)
    registry.configure(configuration.apiKeys, now: now)
    clients = Locked(registry)
    modelHealth = Locked(ModelHealth(configuration))
    var identifiers = Identifiers()
    sessionName = Leftovers.namePrefix + identifiers.next().prefix(12)
    startedAt = now
  }

  /// Tells every other loop by its mailbox, and the one that calls at once.
  public func tellAll(_ message: WorkerMessage, from worker: Int, _ tellOwn: () -> Void) {
    for other in 0..<workers where other != worker { mailboxes[other].post(message) }
    tellOwn()
  }

  /// From now on no session is kept, and none made ahead.
  public func closeSessions() { sessions.withLock { $0.close() } }

  public static let maxWorkers = 64

  // MARK: Running chats, for the log

  public var runningChats: Int { running.load(ordering: .relaxed) }
  func chatBegan() { running.add(1, ordering: .relaxed) }
  func chatEnded() { running.subtract(1, ordering: .relaxed) }
}

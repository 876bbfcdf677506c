/// Every session of every account. A pure value; times are Unix seconds.
struct SessionStore {
  enum Failure: Error { case notFound, full, busy }

  private var sessions: [Int: Session] = [:]
  private var owned: [Int: Int] = [:]
  private var nextSession = 96220
  private var nextRecord = 983661
  private let limit: Int
  /// Records kept of one session; the oldest go first.
  private static let recordLimit = 1000

  /// - Parameter limit: sessions that one account can hold.
  init(limit: Int) { self.limit = limit }

  var count: Int { sessions.count }
  /// All sessions, oldest first.
  var all: [Session] { sessions.values.sorted { $0.id < $1.id } }

  func count(of account: Int) -> Int { owned[account] ?? 0 }

  /// An account's sessions, newest first.
  func list(of account: Int) -> [Session] { sessions.values.filter { $0.account == account }.sorted { $0.id > $1.id } }

  mutating func create(account: Int, settings: SessionSettings, now: Int) throws(Failure) -> Session {
    guard count(of: account) < limit else { throw .full }
    let session = Session(id: nextSession, account: account, created: now, updated: now, settings: settings)
    nextSession += 1
    sessions[session.id] = session
    owned[account, default: 0] += 1
    return session
  }

  /// Another account's session is as good as none.
  func session(_ id: Int, of account: Int) throws(Failure) -> Session {
    guard let session = sessions[id], session.account == account else { throw .notFound }
    return session
  }

  mutating func replace(_ id: Int, of account: Int, with settings: SessionSettings, now: Int) throws(Failure) -> Session {
    var session = try session(id, of: account)
    sessions[id] = nil
    session.settings = settings
    session.updated = now
    sessions[id] = session
    return session
  }

  mutating func delete(_ id: Int, of account: Int) throws(Failure) {
    _ = try session(id, of: account)
    sessions[id] = nil
    owned[account, default: 1] -= 1
  }

  mutating func clearContext(_ id: Int, of account: Int, now: Int) throws(Failure) -> Record {
    _ = try session(id, of: account)
    let record = Record(id: takeRecordID(), created: now, kind: .contextClear)
    append(record, to: id, now: now)
    return record
  }

  /// Claims a session for one completion.
  mutating func begin(_ id: Int, of account: Int) throws(Failure) -> Session {
    let session = try session(id, of: account)
    sessions[id]!.mostAttempted = max(session.mostAttempted, session.isBusy ? 2 : 1)
    guard !session.isBusy else { throw .busy }
    sessions[id]!.isBusy = true
    return session
  }

  /// Gives a session back; `record` is what it remembers of the round, if anything. The session may be gone by now.
  mutating func end(_ id: Int, remembering record: Record?, now: Int) {
    guard sessions[id] != nil else { return }
    sessions[id]!.isBusy = false
    if let record { append(record, to: id, now: now) }
  }

  mutating func takeRecordID() -> Int {
    nextRecord += 1
    return nextRecord - 1
  }

  private mutating func append(_ record: Record, to id: Int, now: Int) {
    sessions[id]!.records.append(record)
    sessions[id]!.updated = now
    if sessions[id]!.records.count > Self.recordLimit { sessions[id]!.records.removeFirst(Self.recordLimit / 10) }
  }

  mutating func removeAll() {
    sessions = [:]
    owned = [:]
  }
}

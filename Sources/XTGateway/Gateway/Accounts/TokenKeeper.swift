import EventLoop
import Logging
import Wire
import XSTech

/// Looks after the accounts' tokens: signs in for accounts that have a password, one at a time, renews before the end and after a refusal,
/// and says in time when a token that only the operator can renew comes to its end.
public final class TokenKeeper {
  private struct Entry {
    var name: String
    var login: Configuration.Login?
    var expiresAt: Int?
    var failures = 0
    /// On the loop's clock.
    var notBefore: UInt64 = 0
    var isWanted = false
    /// What the last warning was about: the day (Unix time ÷ 86,400), and whether the end had come.
    var warned = (day: 0, ofEnd: false)
  }

  private let loop: EventLoop
  private let upstream: UpstreamClient
  private let desk: AccountDesk
  private let tokens: AccountTokens
  private let log: Logger
  private let file: TokenFile?
  private var saved: [String: String] = [:]
  private var entries: [Entry] = []
  private var isSigningIn = false
  private lazy var timer = makeTimer()
  /// An account came (back) into service.
  var onToken: ((AccountPool.AccountIndex) -> Void)?

  /// Before a token's end.
  private static let renewSeconds = 300
  private static let warnSeconds = 3 * 86_400
  private static let checkMilliseconds: UInt64 = 30_000
  private static let longestPause: UInt64 = 600_000

  init(
    loop: EventLoop, upstream: UpstreamClient, desk: AccountDesk, tokens: AccountTokens, configuration: Configuration, log: Logger
  ) {
    (self.loop, self.upstream, self.desk, self.tokens, self.log) = (loop, upstream, desk, tokens, log)
    file = configuration.pool.tokenFile.isEmpty ? nil : TokenFile(path: configuration.pool.tokenFile)
    entries = configuration.cookies.map(Self.entry)
  }

  private static func entry(_ cookie: Configuration.Cookie) -> Entry {
    Entry(name: cookie.name, login: cookie.login, expiresAt: AccountToken(cookie.authorization).expiresAt)
  }

  func start() {
    readFile()
    let expired = desk.read { pool in pool.accounts.map { $0.condition == .expired } }
    for index in entries.indices where entries[index].login != nil && expired[index] { entries[index].isWanted = true }
    for index in entries.indices where entries[index].login != nil { setRenewed(index, true) }
    check()
  }

  func close() { timer.close() }

  /// Whether some account may yet come into service by signing in.
  var isBusy: Bool { isSigningIn || entries.contains { $0.isWanted && $0.notBefore <= loop.now } }

  /// The upstream refused an account's token. Another loop's word of it may come when there is a new one already.
  func refused(_ account: AccountPool.AccountIndex, generation: Int) {
    guard entries[account].login != nil, desk.read({ $0.accounts[account].tokenGeneration }) == generation else { return }
    entries[account].isWanted = true
    signInNext()
  }

  /// The configuration has another account, or another token for one.
  func configure(_ account: AccountPool.AccountIndex, _ cookie: Configuration.Cookie) {
    if account == entries.count { entries.append(Self.entry(cookie)) } else { entries[account] = Self.entry(cookie) }
    setRenewed(account, cookie.login != nil)
    guard cookie.login != nil else { return }
    entries[account].isWanted = true
    signInNext()
  }

  private func isDraining(_ account: AccountPool.AccountIndex) -> Bool { desk.read { $0.accounts[account].isDraining } }

  private func makeTimer() -> LoopTimer {
    let timer = LoopTimer(loop: loop) { [weak self] in self?.check() }
    timer.keepsLoopAlive(false)
    return timer
  }

  private func check() {
    let now = Timestamp.unixSeconds
    for index in entries.indices where !isDraining(index) {
      guard let end = entries[index].expiresAt else { continue }
      if entries[index].login != nil {
        if end - now < Self.renewSeconds { entries[index].isWanted = true }
      } else if end - now < Self.warnSeconds, entries[index].warned != (now / 86_400, end <= now) {
        entries[index].warned = (now / 86_400, end <= now)
        let words = end > now ? "ends in \((end - now) / 3600) h" : "has ended"
        log.warning("the token of account \(entries[index].name) \(words): put a new one into the configuration and reload it")
      }
    }
    timer.start(after: Self.checkMilliseconds)
    signInNext()
  }

  // MARK: Signing in

  private func setRenewed(_ index: AccountPool.AccountIndex, _ isRenewed: Bool) {
    desk.change { pool, now in pool.setRenewed(index, isRenewed, now: now) }
  }

  private func signInNext() {
    guard !isSigningIn else { return }
    let now = loop.now
    guard
      let index = entries.indices.first(where: {
        entries[$0].isWanted && entries[$0].notBefore <= now && !isDraining($0)
      }), let login = entries[index].login
    else { return }
    isSigningIn = true
    upstream.call(.login, account: nil, body: Call.loginBody(account: login.account, password: login.password)) {
      [weak self] outcome in
      self?.signedIn(index, outcome)
    }
  }

  private func signedIn(_ index: AccountPool.AccountIndex, _ outcome: JSONCall.Outcome) {
    isSigningIn = false
    switch outcome {
    case .success(let data):
      if let token = data?["token"]?.string, !token.isEmpty {
        use(token, for: index)
        save(token, for: index)
        log.info("signed in for account \(entries[index].name)")
      } else {
        failed(index, .badResponse("the answer to a login has no token"))
      }
    case .failure(let error): failed(index, error)
    }
    signInNext()
  }

  private func use(_ token: String, for index: AccountPool.AccountIndex) {
    entries[index].isWanted = false
    entries[index].failures = 0
    let expiresAt = AccountToken(token).expiresAt
    entries[index].expiresAt = expiresAt
    tokens.set(token, account: index)
    let end = expiresAt.map { Account.moment($0, now: loop.now, unixNow: Timestamp.unixSeconds) }
    desk.change { pool, now in
      pool.note(index, tokenExpiresAt: expiresAt)
      return pool.setToken(index, endsAt: end, now: now) + pool.setRenewed(index, true, now: now)
    }
    onToken?(index)
  }

  private func failed(_ index: AccountPool.AccountIndex, _ error: GatewayError) {
    entries[index].failures += 1
    let pause = min(Self.longestPause, UInt64(5000) << UInt64(min(entries[index].failures - 1, 10)))
    entries[index].notBefore = loop.now + pause
    if pause < Self.checkMilliseconds { timer.start(after: pause) }
    setRenewed(index, false)
    log.warning("cannot sign in for account \(entries[index].name): \(error.message); next try in \(pause / 1000) s")
  }

  // MARK: The file

  private func readFile() {
    guard let file else { return }
    do throws(TokenFile.Failure) { saved = try file.read() } catch {
      return log.warning("the tokens in \(file.path) cannot be read: \(error.reason); signing in anew")
    }
    for index in entries.indices where entries[index].login != nil {
      guard let token = saved[entries[index].name] else { continue }
      let end = AccountToken(token).expiresAt
      if end.map({ $0 > Timestamp.unixSeconds + Self.renewSeconds }) ?? true { use(token, for: index) }
    }
  }

  private func save(_ token: String, for index: AccountPool.AccountIndex) {
    saved[entries[index].name] = token
    guard let file else { return }
    do throws(TokenFile.Failure) { try file.write(saved) } catch {
      log.warning("the tokens cannot be saved to \(file.path): \(error.reason)")
    }
  }
}

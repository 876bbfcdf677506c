import XSTech

// Changing the configuration while running.
extension GatewayCore {
  /// Takes a valid configuration over, for all loops. Counters and cool-downs of what stays are kept, running answers finish.
  /// Called on the first loop.
  public func reload(_ new: Configuration) {
    guard let background else { return }
    let old = configuration
    let now = loop.now
    shared.clients.withLock { $0.configure(new.apiKeys, now: now) }
    sink.level = new.log.level
    sink.format = new.log.format
    // Before the pool: what it gives out has to have its place.
    let before = desk.accounts
    let joining = new.cookies.count { cookie in !before.contains { $0.name == cookie.name && !$0.isDraining } }
    shared.sessions.withLock { $0.configure(new, accounts: before.count + joining) }
    reloadAccounts(old, new, background)
    background.configure(new)
    shared.tellAll(.configuration(new), from: worker) { configure(new) }
    let fixed = Self.fixedKeys(old, new)
    if !fixed.isEmpty { log.warning("reload: a change of \(fixed.joined(separator: ", ")) takes effect only after a restart") }
    log.notice("reload: the configuration is in force, \(new.cookies.count) accounts, \(new.apiKeys.count) API keys")
  }

  /// This loop's own part.
  func configure(_ new: Configuration) {
    configuration = new
    upstream.classifier.configure(new.pool.errorPatterns, secrets: new.secrets)
    upstream.completionMayRepeat = new.pool.retryAmbiguous
    keys = shared.clients.withLock { $0.keys }
    clockLimits = ExchangeClock.Limits(new)
    policy = ChatExchangeState.Policy(new)
    sessions.configure(new)
  }

  private func reloadAccounts(_ old: Configuration, _ new: Configuration, _ background: Background) {
    let before = Dictionary(uniqueKeysWithValues: old.cookies.map { ($0.name, $0) })
    let names = Set(new.cookies.map(\.name))
    desk.change { pool, _ in
      pool.limits = .init(new)
      pool.configureBreaker(.init(new))
      return []
    }
    for (index, account) in desk.accounts.enumerated() where !account.isDraining && !names.contains(account.name) {
      log.notice("reload: account \(account.name) is removed; its running requests finish")
      desk.change { pool, now in pool.drain(index, now: now) }
      background.care.leave(index)
    }
    for cookie in new.cookies { reload(cookie, before[cookie.name], new, background) }
  }

  private func reload(
    _ cookie: Configuration.Cookie, _ known: Configuration.Cookie?, _ new: Configuration, _ background: Background
  ) {
    let (index, place) = desk.read { pool in
      let index = pool.accounts.lastIndex { $0.name == cookie.name && !$0.isDraining }
      return (index, index ?? pool.accounts.count)
    }
    let account = Account(cookie, new, now: loop.now)
    let isSame = index != nil && known?.authorization == cookie.authorization && known?.login == cookie.login
    if !isSame { shared.tokens.set(cookie.authorization, account: place) }
    desk.change { pool, now in
      let grants = pool.configure(index, as: account, now: now)
      guard !isSame, index != nil, !cookie.authorization.isEmpty else { return grants }
      pool.note(place, tokenExpiresAt: account.tokenExpiresAt)
      return grants + pool.setToken(place, endsAt: account.tokenEndsAt, now: now)
    }
    if index == nil { log.notice("reload: account \(cookie.name) joins") }
    if !isSame { background.configure(place, cookie) }
  }

  /// Keys that are read once, at the start.
  private static func fixedKeys(_ old: Configuration, _ new: Configuration) -> [String] {
    ConfigurationTable.keys.map(\.name).filter { name in
      let isFixed =
        name == "host" || name == "port" || name == "workers" || name.hasPrefix("upstream.") || name == "log.file"
        || name == "pool.token_file" || name == "trusted_proxies"
        || ["limits.max_header_bytes", "limits.max_headers", "limits.max_url_bytes"].contains(name)
        || name.hasPrefix("limits.max_connections")
        || (name.hasPrefix("limits.") && (name.hasSuffix("_ms") || name.hasSuffix("_per_second")))
      return isFixed && ConfigurationTable.text(of: name, in: old) != ConfigurationTable.text(of: name, in: new)
    }
  }
}

import XSTech

// Changing the configuration while running.
extension GatewayCore {
  /// Takes a valid configuration over. Counters and cool-downs of what stays are kept, running answers finish.
  package func reload(_ new: Configuration) {
    let old = configuration
    configuration = new
    upstream.classifier.configure(new.pool.errorPatterns, secrets: new.secrets)
    upstream.completionMayRepeat = new.pool.retryAmbiguous
    clients.configure(new.apiKeys, now: loop.now)
    clockLimits = ExchangeClock.Limits(new)
    policy = ChatExchangeState.Policy(new)
    sink.level = new.log.level
    sink.format = new.log.format
    reloadAccounts(old)
    models.configure(new)
    sessions.configure(new, accounts: desk.pool.accounts.count)
    let fixed = Self.fixedKeys(old, new)
    if !fixed.isEmpty { log.warning("reload: a change of \(fixed.joined(separator: ", ")) takes effect only after a restart") }
    log.notice("reload: the configuration is in force, \(new.cookies.count) accounts, \(new.apiKeys.count) API keys")
  }

  private func reloadAccounts(_ old: Configuration) {
    let before = Dictionary(uniqueKeysWithValues: old.cookies.map { ($0.name, $0) })
    let names = Set(configuration.cookies.map(\.name))
    desk.change { [configuration] pool, _ in
      pool.limits = .init(configuration)
      pool.configureBreaker(.init(configuration))
      return []
    }
    for index in desk.pool.accounts.indices
    where !desk.pool.accounts[index].isDraining && !names.contains(desk.pool.accounts[index].name) {
      log.notice("reload: account \(desk.pool.accounts[index].name) is removed; its running requests finish")
      desk.change { pool, now in pool.drain(index, now: now) }
      sessions.leave(index)
    }
    for cookie in configuration.cookies {
      let index = desk.pool.accounts.lastIndex { $0.name == cookie.name && !$0.isDraining }
      let account = Account(cookie, configuration, now: loop.now)
      let known = before[cookie.name]
      let isSame = index != nil && known?.authorization == cookie.authorization && known?.login == cookie.login
      let place = index ?? desk.pool.accounts.count
      if !isSame { upstream.setToken(cookie.authorization, account: place) }
      desk.change { pool, now in
        let grants = pool.configure(index, as: account, now: now)
        guard !isSame, index != nil, !cookie.authorization.isEmpty else { return grants }
        return grants + pool.setToken(place, endsAt: account.tokenEndsAt, now: now)
      }
      if index == nil { log.notice("reload: account \(cookie.name) joins") }
      if !isSame { tokens.configure(place, cookie) }
    }
    models.accountsChanged()
  }

  /// Keys that are read once, at the start.
  private static func fixedKeys(_ old: Configuration, _ new: Configuration) -> [String] {
    ConfigurationTable.keys.map(\.name).filter { name in
      let isFixed =
        name == "host" || name == "port" || name.hasPrefix("upstream.") || name == "log.file"
        || name == "pool.token_file" || name == "trusted_proxies"
        || ["limits.max_header_bytes", "limits.max_headers", "limits.max_url_bytes"].contains(name)
        || name.hasPrefix("limits.max_connections")
        || (name.hasPrefix("limits.") && (name.hasSuffix("_ms") || name.hasSuffix("_per_second")))
      return isFixed && ConfigurationTable.text(of: name, in: old) != ConfigurationTable.text(of: name, in: new)
    }
  }
}

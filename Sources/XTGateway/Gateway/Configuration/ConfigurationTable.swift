import Wire

/// One key: its name, its type and its documentation, and how it is read and shown.
public struct ConfigurationKey: Sendable {
  /// `pool.max_concurrency`; a dot is a nested object.
  public let name: String
  public let typeName: String
  public let documentation: String
  /// Whether an environment variable's text is the value itself.
  let isPlainText: Bool
  let read: @Sendable (JSONValue, inout Configuration) throws -> Void
  let write: @Sendable (Configuration, inout JSONWriter) -> Void

  /// `XTGATEWAY_POOL_MAX_CONCURRENCY`
  public var environmentName: String {
    "XTGATEWAY_" + name.uppercased().split(separator: ".").joined(separator: "_")
  }

  init<T: ConfigurationValue>(
    _ name: String, _ path: WritableKeyPath<Configuration, T> & Sendable, _ documentation: String, isSecret: Bool = false,
    check: @escaping @Sendable (T) -> String? = { _ in nil }
  ) {
    self.name = name
    self.documentation = documentation
    typeName = T.typeName
    isPlainText = T.isPlainText
    read = { json, configuration in
      let value = try T(json: json)
      if let reason = check(value) { throw ValueMistake(reason: reason) }
      configuration[keyPath: path] = value
    }
    write = { configuration, writer in
      if isSecret, let secret = configuration[keyPath: path] as? String {
        (secret.isEmpty ? "" : masked(secret)).write(to: &writer)
      } else {
        configuration[keyPath: path].write(to: &writer)
      }
    }
  }

  init(_ name: String, _ path: WritableKeyPath<Configuration, Int> & Sendable, in range: ClosedRange<Int>, _ documentation: String)
  {
    self.init(
      name, path, documentation,
      check: { range.contains($0) ? nil : "must be between \(range.lowerBound) and \(range.upperBound)" })
  }
}

/// The declaration of every key. `check-config`, the documentation's table and the loader all come from it.
public enum ConfigurationTable {
  private static let milliseconds = 1...86_400_000
  private static let seconds = 1...31_536_000

  public static let keys: [ConfigurationKey] = server + upstream + models + pool + limits + log

  /// A key's value as JSON.
  static func text(of name: String, in configuration: Configuration) -> String {
    let buffer = ByteBuffer()
    var writer = JSONWriter(buffer)
    keys.first { $0.name == name }?.write(configuration, &writer)
    return buffer.text
  }

  private static let server: [ConfigurationKey] = [
    .init(
      "host", \.host, "Address to listen on. Anything but loopback needs `api_keys` or `allow_anonymous`.",
      check: { $0.isEmpty ? "must not be empty" : nil }),
    .init("port", \.port, in: 0...65535, "Port to listen on; 0 takes a free one and logs it."),
    .init(
      "workers", \.workers, in: 0...SharedState.maxWorkers,
      "Loops, each on a thread of its own with its own share of the connections; 0: one per core that the process may use."),
    .init(
      "cookies", \.cookies,
      "The operator's accounts: objects with `authorization` (the token, verbatim) or `account` and `password`, and optionally `name`, `max_concurrency`, `weight`, `enabled`."
    ),
    .init(
      "api_keys", \.apiKeys,
      "Keys that clients must send: strings, or objects with `key`, `name`, `max_concurrency` and `requests_per_minute` (0: no limit). Empty: no key is asked for."
    ),
    .init("admin_key", \.adminKey, "Key for `/admin`; empty: `/admin` does not exist.", isSecret: true),
    .init("allow_anonymous", \.allowAnonymous, "Allows to listen beyond loopback without `api_keys`."),
    .init(
      "trusted_proxies", \.trustedProxies,
      "Addresses and networks (`10.0.0.0/8`) of the proxies in front of the gateway. From them `X-Forwarded-For` counts: the client is the right-most address in it that is no trusted proxy."
    ),
    .init(
      "shutdown_timeout_seconds", \.shutdownTimeoutSeconds, in: 0...3600,
      "How long running answers may go on after SIGTERM or SIGINT; then they end with an error in the stream."),
  ]

  private static let upstream: [ConfigurationKey] = [
    .init("upstream.base_url", \.upstream.baseURL, "The XSTech service, scheme and host.", check: checkURL),
    .init("upstream.app_version", \.upstream.appVersion, "Sent as `x-app-version`.", check: checkHeader),
    .init("upstream.user_agent", \.upstream.userAgent, "Sent as `user-agent`.", check: checkHeader),
    .init("upstream.ca_file", \.upstream.caFile, "PEM file of certificate authorities to trust; empty: the system's."),
    .init("upstream.http_version", \.upstream.httpVersion, "HTTP version towards XSTech; `2` over TLS only."),
    .init(
      "upstream.connect_timeout_ms", \.upstream.connectTimeoutMilliseconds, in: milliseconds,
      "Longest time to connect, name resolution and TLS included."),
    .init(
      "upstream.first_byte_timeout_ms", \.upstream.firstByteTimeoutMilliseconds, in: milliseconds,
      "Longest wait for the first byte of an answer."),
    .init(
      "upstream.idle_timeout_ms", \.upstream.idleTimeoutMilliseconds, in: milliseconds, "Longest silence within an answer."),
    .init(
      "upstream.total_timeout_ms", \.upstream.totalTimeoutMilliseconds, in: milliseconds, "Longest time for one request in all."),
    .init(
      "upstream.max_idle_seconds", \.upstream.maxIdleSeconds, in: 1...3600,
      "Idle upstream connections are dropped after this, before the upstream drops them."),
    .init(
      "upstream.max_event_bytes", \.upstream.maxEventBytes, in: 1024...1_073_741_824, "Longest line of an event stream, in bytes."),
  ]

  private static let models: [ConfigurationKey] = [
    .init("models.credits", \.models.credits, "Price labels of the models to offer."),
    .init("models.prefix", \.models.prefix, "Put in front of every model's value to make its id."),
    .init("models.aliases", \.models.aliasTable, "More names: name → a model's value, or a list of values in order of preference."),
    .init("models.refresh_seconds", \.models.refreshSeconds, in: seconds, "How often the list of models is fetched again."),
    .init(
      "stream.keep_alive_seconds", \.stream.keepAliveSeconds, in: 1...3600,
      "A stream that is silent for this long gets a comment, so that no proxy gives up."),
  ]

  private static let pool: [ConfigurationKey] = [
    .init(
      "pool.max_concurrency", \.pool.maxConcurrency, in: 1...1_000_000,
      "Completions at a time on an account that names no number of its own."),
    .init(
      "pool.queue_limit", \.pool.queueLimit, in: 0...1_000_000, "Requests that may wait for an account; beyond it 503 `pool_busy`."),
    .init(
      "pool.queue_timeout_ms", \.pool.queueTimeoutMilliseconds, in: milliseconds,
      "Longest wait for an account; then 503 `pool_busy`."),
    .init(
      "pool.affinity_wait_ms", \.pool.affinityWaitMilliseconds, in: 0...86_400_000,
      "How long a conversation waits for its own busy account before it is replayed on another."),
    .init(
      "pool.max_attempts", \.pool.maxAttempts, in: 1...100, "Accounts tried for one request, before anything of an answer went out."
    ),
    .init(
      "pool.cooldown_min_ms", \.pool.cooldownMinMilliseconds, in: milliseconds,
      "First pause of an account (or a model) that the upstream limits; doubles each time, one success resets it."),
    .init("pool.cooldown_max_ms", \.pool.cooldownMaxMilliseconds, in: milliseconds, "Longest such pause."),
    .init(
      "pool.breaker_accounts", \.pool.breakerAccounts, in: 2...10_000,
      "Different accounts (or all, if there are fewer, but at least two) that must fail through the upstream's fault to hold back all requests."
    ),
    .init("pool.breaker_window_ms", \.pool.breakerWindowMilliseconds, in: milliseconds, "Within this time."),
    .init(
      "pool.breaker_probe_ms", \.pool.breakerProbeMilliseconds, in: milliseconds, "How often one request then probes the upstream."),
    .init(
      "pool.error_patterns", \.pool.errorPatterns,
      "More readings of the upstream's words: objects with `match` (a text or `/regex/`), `blame` (`request`, `model`, `account`, `upstream`) and `reason`."
    ),
    .init(
      "pool.token_file", \.pool.tokenFile,
      "File (mode 0600) that keeps the tokens of accounts with a password over a restart; empty: they are kept in memory alone."),
    .init(
      "pool.retry_ambiguous", \.pool.retryAmbiguous,
      "Send a message again when a connection died without an answer, although the upstream may have worked (and charged) already."),
    .init(
      "sessions.idle_timeout_seconds", \.sessions.idleTimeoutSeconds, in: seconds,
      "A conversation idle for this long is forgotten and deleted upstream."),
    .init(
      "sessions.cleanup_interval_seconds", \.sessions.cleanupIntervalSeconds, in: seconds,
      "How often idle conversations are looked for."),
    .init("sessions.max", \.sessions.max, in: 1...10_000_000, "Conversations kept at most; the least recently used go first."),
    .init(
      "sessions.prepared_per_cookie", \.sessions.preparedPerCookie, in: 0...100,
      "Sessions made ahead on each account, so that a new conversation need not wait; 0: none."),
  ]

  private static let limits: [ConfigurationKey] = [
    .init("limits.max_body_bytes", \.limits.maxBodyBytes, in: 1024...1_073_741_824, "Largest request body; beyond it 413."),
    .init("limits.max_header_bytes", \.limits.maxHeaderBytes, in: 1024...1_048_576, "Largest request head; beyond it 431."),
    .init("limits.max_headers", \.limits.maxHeaders, in: 8...1024, "Most header fields; beyond it 431."),
    .init("limits.max_url_bytes", \.limits.maxURLBytes, in: 64...65_536, "Longest request target; beyond it 414."),
    .init("limits.max_connections", \.limits.maxConnections, in: 1...1_000_000, "Client connections at a time; beyond it 503."),
    .init(
      "limits.max_connections_per_address", \.limits.maxConnectionsPerAddress, in: 0...1_000_000,
      "The same for one client address (of IPv6: one /64 network); those of `trusted_proxies` are exempt. 0: no limit."),
    .init(
      "limits.header_timeout_ms", \.limits.headerTimeoutMilliseconds, in: milliseconds,
      "Longest time for a request's head; then 408."),
    .init(
      "limits.keep_alive_timeout_ms", \.limits.keepAliveTimeoutMilliseconds, in: milliseconds,
      "An idle connection is closed after this."),
    .init(
      "limits.write_timeout_ms", \.limits.writeTimeoutMilliseconds, in: milliseconds,
      "A client that takes nothing for this long is cut off."),
    .init(
      "limits.body_timeout_ms", \.limits.bodyTimeoutMilliseconds, in: milliseconds,
      "A body that stands still for this long is given up with 408."),
    .init(
      "limits.body_min_bytes_per_second", \.limits.bodyMinBytesPerSecond, in: 0...1_000_000,
      "A body that arrives more slowly than this, over `limits.body_window_ms`, is given up with 408; 0: no limit."),
    .init(
      "limits.body_window_ms", \.limits.bodyWindowMilliseconds, in: 100...3_600_000,
      "Over how long the speed of a body is measured."),
    .init(
      "limits.linger_timeout_ms", \.limits.lingerTimeoutMilliseconds, in: milliseconds,
      "How long a connection that was refused is still read from, so that its client gets to see the answer."),
    .init("limits.max_json_depth", \.limits.maxJSONDepth, in: 8...512, "Deepest nesting of a request's JSON."),
    .init(
      "limits.max_json_values", \.limits.maxJSONValues, in: 1000...100_000_000,
      "Most values in a request's JSON, members' names included: tiny values take many times their size in memory and time."),
    .init("limits.max_messages", \.limits.maxMessages, in: 1...1_000_000, "Most messages of one request."),
    .init(
      "limits.max_files", \.limits.maxFiles, in: 0...SharedState.maxWorkers,
      "Most images of one turn; the upstream's own limit wins where it is smaller."),
    .init(
      "limits.max_image_bytes", \.limits.maxImageBytes, in: 1024...1_073_741_824,
      "Largest image; the upstream's own limit wins where it is smaller."),
  ]

  private static let log: [ConfigurationKey] = [
    .init("log.level", \.log.level, "Least level that is logged; a request's access line is `info`."),
    .init("log.format", \.log.format, "`text` for people, `json` for machines, one object a line."),
    .init("log.file", \.log.file, "File to append to, which SIGUSR1 opens again after a rotation; empty: standard error."),
    .init(
      "metrics.key", \.metrics.key,
      "Bearer key for `/metrics`, which needs one as soon as there are `api_keys`; empty: `/metrics` is not there then.",
      isSecret: true),
    .init(
      "metrics.listen", \.metrics.listen, "`host:port` of an open listener for `/metrics` alone; empty: none.",
      check: { $0.isEmpty || ListenAddress($0) != nil ? nil : "must be host:port" }),
  ]

  private static let checkURL: @Sendable (String) -> String? = { url in
    for scheme in ["http://", "https://"] where url.hasPrefix(scheme) {
      let authority = url.dropFirst(scheme.count)
      let isPlain = authority.utf8.allSatisfy {
        $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") && $0 != UInt8(ascii: "@")
      }
      return isPlain && !authority.isEmpty && authority.first != "/" ? nil : "must be a URL without user, query and fragment"
    }
    return "must begin with http:// or https://"
  }

  private static let checkHeader: @Sendable (String) -> String? = { text in
    text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } ? nil : "must be printable ASCII"
  }
}

import Wire

/// Everything an operator can set. Names, defaults and documentation are declared once, in `ConfigurationTable`.
package struct Configuration: Sendable {
  package var host = "127.0.0.1"
  package var port = 8000
  /// Loops, one a thread; 0: one per core.
  package var workers = 1
  package var cookies: [Cookie] = []
  package var apiKeys: [APIKey] = []
  /// Empty: no `/admin`.
  package var adminKey = ""
  package var allowAnonymous = false
  /// Whose `X-Forwarded-For` counts.
  package var trustedProxies: [IPNetwork] = []
  package var upstream = Upstream()
  package var models = Models()
  package var stream = Stream()
  package var pool = Pool()
  package var sessions = Sessions()
  package var limits = Limits()
  package var log = Log()
  package var metrics = Metrics()
  package var shutdownTimeoutSeconds = 30
  /// Whether a secret stands in the file itself, and not only in the environment.
  package internal(set) var fileHoldsSecrets = false
  /// What an operator should be told, though it is no mistake.
  package var warnings: [String] = []

  package init() {}

  /// An account of the operator.
  package struct Cookie: Sendable, Equatable {
    package var name: String
    /// Its token, verbatim; empty where it is signed in for with `login`.
    package var authorization: String
    package var login: Login?
    /// Completions at a time; nil: `pool.max_concurrency`.
    package var maxConcurrency: Int?
    package var weight = 1
    package var enabled = true
  }

  package struct Login: Sendable, Equatable {
    package var account: String
    package var password: String
  }

  package struct APIKey: Sendable, Equatable {
    package var key: String
    /// Shown in logs in place of the key.
    package var name: String
    /// 0: no limit; likewise `requestsPerMinute`.
    package var maxConcurrency = 0
    package var requestsPerMinute = 0
  }

  package struct Upstream: Sendable {
    package var baseURL = "https://xstech.one"
    package var appVersion = "2.1.1"
    package var userAgent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
    package var caFile = ""
    package var httpVersion = HTTPVersion.http1
    package var connectTimeoutMilliseconds = 10_000
    package var firstByteTimeoutMilliseconds = 60_000
    package var idleTimeoutMilliseconds = 120_000
    package var totalTimeoutMilliseconds = 600_000
    package var maxIdleSeconds = 30
    package var maxEventBytes = 16_777_216

    package enum HTTPVersion: String, Sendable, CaseIterable {
      case http1 = "1.1"
      case http2 = "2"
    }
  }

  package struct Models: Sendable {
    package var credits = ["1积分"]
    package var prefix = "xstech-"
    /// Name → values in order of preference, sorted by name.
    package var aliases: [Alias] = []
    package var refreshSeconds = 3600

    package struct Alias: Sendable, Equatable {
      package var name: String
      package var values: [String]
    }
  }

  package struct Stream: Sendable {
    package var keepAliveSeconds = 10
  }

  package struct Pool: Sendable {
    package var maxConcurrency = 8
    package var queueLimit = 1024
    package var queueTimeoutMilliseconds = 30_000
    package var affinityWaitMilliseconds = 1000
    package var maxAttempts = 3
    package var retryAmbiguous = false
    package var cooldownMinMilliseconds = 5000
    package var cooldownMaxMilliseconds = 600_000
    package var breakerAccounts = 3
    package var breakerWindowMilliseconds = 10_000
    package var breakerProbeMilliseconds = 5000
    package var errorPatterns: [ErrorPattern] = []
    /// Empty: tokens that were signed in for are kept in memory only.
    package var tokenFile = ""
  }

  /// An operator's own reading of the upstream's words.
  package struct ErrorPattern: Sendable, Equatable {
    /// A text, or a regular expression between slashes.
    package var match: String
    package var blame: String
    package var reason: String

    package var meaning: FailureClassifier.Meaning {
      switch (blame, reason) {
      case ("request", let reason): reason.contains("context") ? .context : reason.contains("image") ? .image : .content
      case ("model", _): .model
      case ("account", let reason) where reason.contains("credit"): .credits
      case ("account", let reason) where reason.contains("token") || reason.contains("expired") || reason.contains("ban"): .token
      case ("account", _): .rate
      default: .upstream
      }
    }
  }

  package struct Sessions: Sendable {
    package var idleTimeoutSeconds = 3600
    package var cleanupIntervalSeconds = 300
    package var max = 100_000
    package var preparedPerCookie = 2
  }

  package struct Limits: Sendable {
    package var maxBodyBytes = 33_554_432
    package var maxHeaderBytes = 65_536
    package var maxHeaders = 128
    package var maxURLBytes = 8192
    package var maxConnections = 20_000
    package var maxConnectionsPerAddress = 0
    package var headerTimeoutMilliseconds = 10_000
    package var keepAliveTimeoutMilliseconds = 75_000
    package var writeTimeoutMilliseconds = 60_000
    package var bodyTimeoutMilliseconds = 30_000
    package var bodyMinBytesPerSecond = 500
    package var bodyWindowMilliseconds = 10_000
    package var lingerTimeoutMilliseconds = 5000
    package var maxJSONDepth = 64
    package var maxJSONValues = 500_000
    package var maxMessages = 4096
    package var maxFiles = 8
    package var maxImageBytes = 10_485_760
  }

  package struct Log: Sendable {
    package var level = LogLevel.info
    package var format = LogFormat.text
    /// Empty: standard error.
    package var file = ""
  }

  package struct Metrics: Sendable {
    /// Empty: none.
    package var key = ""
    /// `host:port`; empty: no listener of its own.
    package var listen = ""
  }

  package enum LogLevel: String, Sendable, CaseIterable { case trace, debug, info, notice, warning, error, critical }
  package enum LogFormat: String, Sendable, CaseIterable { case text, json }
}

import Wire

/// Everything an operator can set. Names, defaults and documentation are declared once, in `ConfigurationTable`.
public struct Configuration: Sendable {
  public var host = "127.0.0.1"
  public var port = 8000
  /// Loops, one a thread; 0: one per core.
  public var workers = 1
  public var cookies: [Cookie] = []
  public var apiKeys: [APIKey] = []
  /// Empty: no `/admin`.
  public var adminKey = ""
  public var allowAnonymous = false
  /// Whose `X-Forwarded-For` counts.
  public var trustedProxies: [IPNetwork] = []
  public var upstream = Upstream()
  public var models = Models()
  public var stream = Stream()
  public var pool = Pool()
  public var sessions = Sessions()
  public var limits = Limits()
  public var log = Log()
  public var metrics = Metrics()
  public var shutdownTimeoutSeconds = 30
  /// Whether a secret stands in the file itself, and not only in the environment.
  public internal(set) var fileHoldsSecrets = false
  /// What an operator should be told, though it is no mistake.
  public var warnings: [String] = []

  public init() {}

  /// An account of the operator.
  public struct Cookie: Sendable, Equatable {
    public var name: String
    /// Its token, verbatim; empty where it is signed in for with `login`.
    public var authorization: String
    public var login: Login?
    /// Completions at a time; nil: `pool.max_concurrency`.
    public var maxConcurrency: Int?
    public var weight = 1
    public var enabled = true
  }

  public struct Login: Sendable, Equatable {
    public var account: String
    public var password: String
  }

  public struct APIKey: Sendable, Equatable {
    public var key: String
    /// Shown in logs in place of the key.
    public var name: String
    /// 0: no limit; likewise `requestsPerMinute`.
    public var maxConcurrency = 0
    public var requestsPerMinute = 0
  }

  public struct Upstream: Sendable {
    public var baseURL = "https://xstech.one"
    public var appVersion = "2.1.1"
    public var userAgent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"
    public var caFile = ""
    public var httpVersion = HTTPVersion.http1
    public var connectTimeoutMilliseconds = 10_000
    public var firstByteTimeoutMilliseconds = 60_000
    public var idleTimeoutMilliseconds = 120_000
    public var totalTimeoutMilliseconds = 600_000
    public var maxIdleSeconds = 30
    public var maxEventBytes = 16_777_216

    public enum HTTPVersion: String, Sendable, CaseIterable {
      case http1 = "1.1"
      case http2 = "2"
    }
  }

  public struct Models: Sendable {
    public var credits = ["1积分"]
    public var prefix = "xstech-"
    /// Name → values in order of preference, sorted by name.
    public var aliases: [Alias] = []
    public var refreshSeconds = 3600

    public struct Alias: Sendable, Equatable {
      public var name: String
      public var values: [String]
    }
  }

  public struct Stream: Sendable {
    public var keepAliveSeconds = 10
  }

  public struct Pool: Sendable {
    public var maxConcurrency = 8
    public var queueLimit = 1024
    public var queueTimeoutMilliseconds = 30_000
    public var affinityWaitMilliseconds = 1000
    public var maxAttempts = 3
    public var retryAmbiguous = false
    public var cooldownMinMilliseconds = 5000
    public var cooldownMaxMilliseconds = 600_000
    public var breakerAccounts = 3
    public var breakerWindowMilliseconds = 10_000
    public var breakerProbeMilliseconds = 5000
    public var errorPatterns: [ErrorPattern] = []
    /// Empty: tokens that were signed in for are kept in memory only.
    public var tokenFile = ""
  }

  /// An operator's own reading of the upstream's words.
  public struct ErrorPattern: Sendable, Equatable {
    /// A text, or a regular expression between slashes.
    public var match: String
    public var blame: String
    public var reason: String

    public var meaning: FailureClassifier.Meaning {
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

  public struct Sessions: Sendable {
    public var idleTimeoutSeconds = 3600
    public var cleanupIntervalSeconds = 300
    public var max = 100_000
    public var preparedPerCookie = 2
  }

  public struct Limits: Sendable {
    public var maxBodyBytes = 33_554_432
    public var maxHeaderBytes = 65_536
    public var maxHeaders = 128
    public var maxURLBytes = 8192
    public var maxConnections = 20_000
    public var maxConnectionsPerAddress = 0
    public var headerTimeoutMilliseconds = 10_000
    public var keepAliveTimeoutMilliseconds = 75_000
    public var writeTimeoutMilliseconds = 60_000
    public var bodyTimeoutMilliseconds = 30_000
    public var bodyMinBytesPerSecond = 500
    public var bodyWindowMilliseconds = 10_000
    public var lingerTimeoutMilliseconds = 5000
    public var maxJSONDepth = 64
    public var maxJSONValues = 500_000
    public var maxMessages = 4096
    public var maxFiles = 8
    public var maxImageBytes = 10_485_760
  }

  public struct Log: Sendable {
    public var level = LogLevel.info
    public var format = LogFormat.text
    /// Empty: standard error.
    public var file = ""
  }

  public struct Metrics: Sendable {
    /// Empty: none.
    public var key = ""
    /// `host:port`; empty: no listener of its own.
    public var listen = ""
  }

  public enum LogLevel: String, Sendable, CaseIterable { case trace, debug, info, notice, warning, error, critical }
  public enum LogFormat: String, Sendable, CaseIterable { case text, json }
}

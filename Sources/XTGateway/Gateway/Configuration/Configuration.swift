/// Everything an operator can set. Names, defaults and documentation are declared once, in `ConfigurationTable`.
package struct Configuration: Sendable {
  package var host = "127.0.0.1"
  package var port = 8000
  package var cookies: [Cookie] = []
  package var apiKeys: [APIKey] = []
  /// Empty: no `/admin`.
  package var adminKey = ""
  package var allowAnonymous = false
  package var upstream = Upstream()
  package var models = Models()
  package var stream = Stream()
  package var pool = Pool()
  package var sessions = Sessions()
  package var limits = Limits()
  package var log = Log()
  package var shutdownTimeoutSeconds = 30

  package init() {}

  /// An account of the operator.
  package struct Cookie: Sendable, Equatable {
    package var name: String
    package var authorization: String
    /// Completions at a time; nil: `pool.max_concurrency`.
    package var maxConcurrency: Int?
    package var weight = 1
    package var enabled = true
  }

  package struct APIKey: Sendable, Equatable {
    package var key: String
    /// Shown in logs in place of the key.
    package var name: String
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
    package var retryAmbiguous = false
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
    package var headerTimeoutMilliseconds = 10_000
    package var keepAliveTimeoutMilliseconds = 75_000
    package var writeTimeoutMilliseconds = 60_000
    package var bodyMinBytesPerSecond = 500
    package var maxJSONDepth = 64
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

  package enum LogLevel: String, Sendable, CaseIterable { case trace, debug, info, notice, warning, error, critical }
  package enum LogFormat: String, Sendable, CaseIterable { case text, json }
}

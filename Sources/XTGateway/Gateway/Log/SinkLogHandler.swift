import Logging

/// swift-log's way to the sink.
public struct SinkLogHandler: LogHandler {
  private let sink: LogSink
  public var metadata: Logger.Metadata = [:]
  /// The sink's, so that a change reaches every logger.
  public var logLevel: Logger.Level {
    get { Logger.Level(rawValue: sink.level.rawValue) ?? .info }
    set { sink.level = Configuration.LogLevel(rawValue: newValue.rawValue) ?? .info }
  }

  public init(_ sink: LogSink) { self.sink = sink }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) { sink.write(event.level, "\(event.message)") }
}

import Logging

/// swift-log's way to the sink.
package struct SinkLogHandler: LogHandler {
  private let sink: LogSink
  package var metadata: Logger.Metadata = [:]
  /// The sink's, so that a change reaches every logger.
  package var logLevel: Logger.Level {
    get { Logger.Level(rawValue: sink.level.rawValue) ?? .info }
    set { sink.level = Configuration.LogLevel(rawValue: newValue.rawValue) ?? .info }
  }

  package init(_ sink: LogSink) { self.sink = sink }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) { sink.write(event.level, "\(event.message)") }
}

import Gateway
import HTTPClient
import HTTPServer

extension HTTPServerConfiguration {
  init(_ configuration: Configuration) {
    self.init()
    let limits = configuration.limits
    maxHeaderBytes = limits.maxHeaderBytes
    maxHeaders = limits.maxHeaders
    maxURLBytes = limits.maxURLBytes
    maxConnections = limits.maxConnections
    maxConnectionsPerAddress = limits.maxConnectionsPerAddress
    trustedProxies = configuration.trustedProxies
    headerTimeoutMilliseconds = UInt64(limits.headerTimeoutMilliseconds)
    keepAliveTimeoutMilliseconds = UInt64(limits.keepAliveTimeoutMilliseconds)
    writeTimeoutMilliseconds = UInt64(limits.writeTimeoutMilliseconds)
    bodyTimeoutMilliseconds = UInt64(limits.bodyTimeoutMilliseconds)
    bodyMinBytesPerSecond = limits.bodyMinBytesPerSecond
    bodyWindowMilliseconds = UInt64(limits.bodyWindowMilliseconds)
    lingerTimeoutMilliseconds = UInt64(limits.lingerTimeoutMilliseconds)
  }
}

extension HTTPClientConfiguration {
  init(_ configuration: Configuration) {
    self.init()
    connectTimeoutMilliseconds = configuration.upstream.connectTimeoutMilliseconds
    maxIdleSeconds = configuration.upstream.maxIdleSeconds
    caFile = configuration.upstream.caFile.isEmpty ? nil : configuration.upstream.caFile
    switch configuration.upstream.httpVersion {
    case .http1: version = .http1
    case .http2: version = .http2
    }
  }
}

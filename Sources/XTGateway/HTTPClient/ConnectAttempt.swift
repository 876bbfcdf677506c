import CCurl

/// A connection that libcurl makes for a transfer: name resolution, every address, TLS.
final class ConnectAttempt: CurlTask {
  private let transfer: HTTPTransfer
  private let origin: HTTPBaseURL.Parts
  private let milliseconds: Int
  private let multi: CurlMulti

  init(for transfer: HTTPTransfer, to origin: HTTPBaseURL.Parts, within milliseconds: Int, multi: CurlMulti) {
    (self.transfer, self.origin, self.milliseconds, self.multi) = (transfer, origin, milliseconds, multi)
  }

  override func prepare(_ easy: EasyHandle) throws(EasyOptionError) {
    try easy.prepare(connectionTo: origin.origin, within: milliseconds)
  }

  override func didEnd(_ code: CURLcode, _ details: String) {
    guard let easy, code == CURLE_OK else {
      if let easy { multi.remove(easy, isReusable: false) }
      easy = nil
      let kind = HTTPClientError.kind(code, .init())
      return transfer.end(HTTPClientError(kind: kind, message: HTTPClientError.message(code, details)))
    }
    self.easy = nil
    easy.task = nil
    if let channel = channel(easy) { return transfer.client.didConnect(transfer, origin, channel) }
    transfer.end(HTTPClientError(kind: .notConnected, message: "the new connection was gone at once"))
  }

  func cancel() { multi.cancel(self) }

  /// Nil if the connection is gone already.
  private func channel(_ easy: EasyHandle) -> ByteChannel? {
    guard origin.isTLS else { return multi.takeSocket(of: easy).map { .plain($0) } }
    guard let descriptor = easy.activeSocket else {
      multi.remove(easy, isReusable: false)
      return nil
    }
    return .tls(TLSChannel(easy, descriptor, multi))
  }
}

import CCurl
import Wire

/// One request and its response. Kept alive by its client until it ends, its delegate as well.
package final class HTTPTransfer {
  enum State {
    /// Not yet known to libcurl. Next: `running`, `ended`.
    case waiting
    /// libcurl works on it. Next: `ended`.
    case running
    /// libcurl knows it no more. Final.
    case ended
  }

  let request: HTTPClientRequest
  let client: HTTPClient
  var state = State.waiting
  var easy: EasyHandle?
  /// Where the client keeps it.
  var index = 0
  var body: UploadBody
  @exclusivity(unchecked) var progress = HTTPClientError.Progress()
  @exclusivity(unchecked) private(set) var delegate: (any HTTPTransferDelegate)?
  @exclusivity(unchecked) private(set) var isCancelled = false
  /// No more bytes are handed out until `resume`.
  @exclusivity(unchecked) package private(set) var isPaused = false
  /// libcurl was told to pause, and waits to be told to go on.
  var isHeld = false
  @exclusivity(unchecked) private var head: ResponseHeadParser

  init(_ request: HTTPClientRequest, client: HTTPClient, delegate: any HTTPTransferDelegate) {
    (self.request, self.client, self.delegate) = (request, client, delegate)
    body = UploadBody(request.body)
    head = ResponseHeadParser(maxBytes: client.configuration.maxHeaderBytes)
  }

  deinit { assert(state == .ended, "a transfer was lost") }

  /// No more bytes after those being handed out now, until `resume`. What is in flight waits in libcurl and the kernel. The end of
  /// a response whose bytes were all handed out still comes.
  package func pause() { isPaused = true }

  /// Outside of libcurl's callbacks what was held back is handed out before this returns, else at the end of the running callback.
  package func resume() {
    guard isPaused else { return }
    isPaused = false
    if isHeld { client.perform(.resume(self)) }
  }

  /// Ends the transfer and its connection at once; no delegate call comes any more.
  package func cancel() {
    guard state != .ended, !isCancelled else { return }
    isCancelled = true
    delegate = nil
    client.perform(.remove(self))
  }

  /// Tells the delegate of the end; the last call.
  func tellEnd(_ code: CURLcode, _ details: String) {
    guard let delegate else { return }
    self.delegate = nil
    delegate.transfer(self, didEnd: error(code, details))
  }

  private func error(_ code: CURLcode, _ details: String) -> HTTPClientError? {
    if let verdict = progress.verdict { return verdict }
    if code == CURLE_OK && head.isDone { return nil }
    return HTTPClientError(kind: HTTPClientError.kind(code, progress), message: HTTPClientError.message(code, details))
  }

  // MARK: What libcurl's callbacks ask; false or nil ends the transfer.

  fileprivate func willSend() -> Bool {
    progress.sendings += 1
    guard progress.sendings > 1, !request.mayBeSentTwice else { return !isCancelled }
    // A reused connection died, and libcurl is about to send the request again on another: the first sending may have arrived.
    progress.verdict = HTTPClientError(
      kind: .noResponse, message: "a reused connection died without an answer; the request may not be sent twice")
    return false
  }

  fileprivate func receiveHeader(_ line: UnsafeRawBufferPointer) -> Bool {
    guard !isCancelled else { return false }
    progress.hasResponse = true
    switch head.receive(line) {
    case .more: return true
    case .head(let head):
      delegate?.transfer(self, didReceiveHead: head)
      return !isCancelled
    case .invalid:
      progress.verdict = HTTPClientError(kind: .invalidResponse, message: "no valid status line, or a header that is too long")
      return false
    }
  }

  fileprivate func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Int? {
    guard !isCancelled else { return nil }
    guard !isPaused else {
      isHeld = true
      return Int(CURL_WRITEFUNC_PAUSE)
    }
    guard head.isDone else {
      progress.verdict = HTTPClientError(kind: .invalidResponse, message: "a body without a head")
      return nil
    }
    delegate?.transfer(self, didReceive: bytes)
    return isCancelled ? nil : bytes.count
  }
}

/// What libcurl's callbacks get.
private func handle(_ object: UnsafeMutableRawPointer?) -> EasyHandle {
  Unmanaged<EasyHandle>.fromOpaque(object!).takeUnretainedValue()
}

/// Nil once it has ended.
private func transfer(_ object: UnsafeMutableRawPointer?) -> HTTPTransfer? { handle(object).transfer }

func transferDidOpenSocket(_ object: UnsafeMutableRawPointer?, _: curl_socket_t, _: curlsocktype) -> Int32 {
  handle(object).isConnected = false
  return CURL_SOCKOPT_OK
}

func transferWillSend(
  _ object: UnsafeMutableRawPointer?, _: UnsafeMutablePointer<CChar>?, _: UnsafeMutablePointer<CChar>?, _: Int32, _: Int32
) -> Int32 {
  handle(object).isConnected = true
  return transfer(object)?.willSend() == true ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
}

func transferDidReceiveHeader(_ line: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ object: UnsafeMutableRawPointer?)
  -> Int
{
  let bytes = UnsafeRawBufferPointer(start: line, count: size * count)
  return transfer(object)?.receiveHeader(bytes) == true ? bytes.count : Int(CURL_WRITEFUNC_ERROR)
}

func transferDidReceiveBody(_ data: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ object: UnsafeMutableRawPointer?)
  -> Int
{
  transfer(object)?.receiveBody(UnsafeRawBufferPointer(start: data, count: size * count)) ?? Int(CURL_WRITEFUNC_ERROR)
}

func transferWantsBody(_ data: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ object: UnsafeMutableRawPointer?) -> Int {
  guard let transfer = transfer(object), !transfer.isCancelled else { return Int(CURL_READFUNC_ABORT) }
  return transfer.body.read(into: UnsafeMutableRawBufferPointer(start: data, count: size * count))
}

func transferRewindsBody(_ object: UnsafeMutableRawPointer?, _ offset: curl_off_t, _ origin: Int32) -> Int32 {
  guard offset == 0, origin == 0, let transfer = transfer(object) else { return CURL_SEEKFUNC_CANTSEEK }
  // Only to send again, which not every request allows.
  guard transfer.request.mayBeSentTwice else { return CURL_SEEKFUNC_FAIL }
  transfer.body.rewind()
  return CURL_SEEKFUNC_OK
}

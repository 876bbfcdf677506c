import CCurl
import Wire

/// A whole transfer that libcurl carries out: the way of HTTP/2.
final class CurlTransfer: CurlTask {
  let owner: HTTPTransfer
  private let multi: CurlMulti
  var body: UploadBody
  /// libcurl was told to pause, and waits to be told to go on.
  @exclusivity(unchecked) var isHeld = false
  @exclusivity(unchecked) private var progress = HTTPClientError.Progress()
  @exclusivity(unchecked) private var head: ResponseHeadParser

  init(_ owner: HTTPTransfer, multi: CurlMulti) {
    (self.owner, self.multi) = (owner, multi)
    body = UploadBody(owner.request.body)
    head = ResponseHeadParser(maxBytes: multi.configuration.maxHeaderBytes)
  }

  var request: HTTPClientRequest { owner.request }
  var wantsToGoOn: Bool { isHeld && !owner.isPaused }

  override func prepare(_ easy: EasyHandle) throws(EasyOptionError) {
    try easy.prepare(self, onNewConnection: !request.mayBeSentTwice && multi.hasEndedIdleSocket)
  }

  override func didEnd(_ code: CURLcode, _ details: String) {
    let error = error(code, details)
    // After a failure libcurl may keep the buffer, whose size cannot be set then.
    if let easy { multi.remove(easy, isReusable: code == CURLE_OK) }
    easy = nil
    owner.end(error)
  }

  func resume() { if isHeld { multi.resume(self) } }
  func cancel() { multi.cancel(self) }

  private func error(_ code: CURLcode, _ details: String) -> HTTPClientError? {
    if let verdict = progress.verdict { return verdict }
    if code == CURLE_OK && head.isDone { return nil }
    return HTTPClientError(kind: HTTPClientError.kind(code, progress), message: HTTPClientError.message(code, details))
  }

  // MARK: What libcurl's callbacks ask; false or nil ends the transfer.

  fileprivate func willSend() -> Bool {
    progress.sendings += 1
    guard progress.sendings > 1, !request.mayBeSentTwice else { return !owner.isCancelled }
    // A reused connection died, and libcurl is about to send the request again on another: the first sending may have arrived.
    progress.verdict = .mayNotBeSentTwice
    return false
  }

  fileprivate func receiveHeader(_ line: UnsafeRawBufferPointer) -> Bool {
    guard !owner.isCancelled else { return false }
    progress.hasResponse = true
    switch head.receive(line) {
    case .more: return true
    case .head(let head):
      owner.tell(head)
      return !owner.isCancelled
    case .invalid:
      progress.verdict = HTTPClientError(kind: .invalidResponse, message: "no valid status line, or a header that is too long")
      return false
    }
  }

  fileprivate func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Int? {
    guard !owner.isCancelled else { return nil }
    guard !owner.isPaused else {
      isHeld = true
      return Int(CURL_WRITEFUNC_PAUSE)
    }
    guard head.isDone else {
      progress.verdict = HTTPClientError(kind: .invalidResponse, message: "a body without a head")
      return nil
    }
    owner.tell(bytes)
    return owner.isCancelled ? nil : bytes.count
  }
}

/// What libcurl's callbacks get.
private func handle(_ object: UnsafeMutableRawPointer?) -> EasyHandle {
  Unmanaged<EasyHandle>.fromOpaque(object!).takeUnretainedValue()
}

/// Nil once it has ended.
private func transfer(_ object: UnsafeMutableRawPointer?) -> CurlTransfer? { handle(object).transfer }

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
  guard let transfer = transfer(object), !transfer.owner.isCancelled else { return Int(CURL_READFUNC_ABORT) }
  return transfer.body.read(into: UnsafeMutableRawBufferPointer(start: data, count: size * count))
}

func transferRewindsBody(_ object: UnsafeMutableRawPointer?, _ offset: curl_off_t, _ origin: Int32) -> Int32 {
  guard offset == 0, origin == 0, let transfer = transfer(object) else { return CURL_SEEKFUNC_CANTSEEK }
  // Only to send again, which not every request allows.
  guard transfer.request.mayBeSentTwice else { return CURL_SEEKFUNC_FAIL }
  transfer.body.rewind()
  return CURL_SEEKFUNC_OK
}

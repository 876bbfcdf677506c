import CCurl

/// One of libcurl's easy handles, together with the memory for its error text. Used for one transfer after the other.
final class EasyHandle {
  let curl: UnsafeMutableRawPointer
  private let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

  init?() {
    guard let curl = curl_easy_init() else {
      errorText.deallocate()
      return nil
    }
    self.curl = curl
  }

  deinit {
    curl_easy_cleanup(curl)
    errorText.deallocate()
  }

  /// What libcurl says about the transfer's failure; empty if nothing.
  var errorDetails: String { String(cString: errorText) }

  /// Forgets the last transfer; connections stay with the multi handle.
  func reset() { curl_easy_reset(curl) }

  /// Everything that concerns `transfer`; the first option that libcurl refuses is thrown.
  func configure(_ transfer: HTTPTransfer, _ configuration: HTTPClientConfiguration) throws(EasyOptionError) {
    errorText.pointee = 0
    try check(ccurl_set_error_text(curl, errorText), CURLOPT_ERRORBUFFER)
    try setConnection(configuration)
    try set(CURLOPT_URL, transfer.request.url)
    try set(CURLOPT_PRIVATE, Unmanaged.passUnretained(transfer).toOpaque())
    try check(ccurl_set_headers(curl, transfer.request.headers.list), CURLOPT_HTTPHEADER)
    try setCallbacks(transfer)
    try setMethod(transfer)
  }

  private func setConnection(_ configuration: HTTPClientConfiguration) throws(EasyOptionError) {
    // No signals: resolving has a thread of its own. Quick exit: a cancelled transfer does not wait for that thread, which cleans
    // up after itself.
    try set(CURLOPT_NOSIGNAL, 1)
    try set(CURLOPT_QUICK_EXIT, 1)
    try set(CURLOPT_PROTOCOLS_STR, "http,https")
    try set(CURLOPT_FOLLOWLOCATION, 0)
    // Not the environment's proxy: an empty text is "none", absent is "look there".
    try set(CURLOPT_PROXY, "")
    try set(CURLOPT_TCP_NODELAY, 1)
    try set(CURLOPT_TCP_KEEPALIVE, 1)
    try set(CURLOPT_CONNECTTIMEOUT_MS, configuration.connectTimeoutMilliseconds)
    try set(CURLOPT_MAXAGE_CONN, configuration.maxIdleSeconds)
    try set(CURLOPT_BUFFERSIZE, configuration.bufferSize)
    if let file = configuration.caFile { try set(CURLOPT_CAINFO, file) }
    let version = configuration.version == .http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1
    try set(CURLOPT_HTTP_VERSION, Int(version))
    // Waits for a connection that others use rather than opening one more.
    if configuration.multiplexes { try set(CURLOPT_PIPEWAIT, 1) }
  }

  private func setCallbacks(_ transfer: HTTPTransfer) throws(EasyOptionError) {
    let object = Unmanaged.passUnretained(transfer).toOpaque()
    try check(ccurl_on_header(curl, transferDidReceiveHeader, object), CURLOPT_HEADERFUNCTION)
    try check(ccurl_on_body(curl, transferDidReceiveBody, object), CURLOPT_WRITEFUNCTION)
    try check(ccurl_on_sending(curl, transferWillSend, object), CURLOPT_PREREQFUNCTION)
  }

  private func setMethod(_ transfer: HTTPTransfer) throws(EasyOptionError) {
    let method = transfer.request.method
    switch method {
    case .get: try set(CURLOPT_HTTPGET, 1)
    case .post: break
    case .put: try set(CURLOPT_CUSTOMREQUEST, "PUT")
    case .delete: try set(CURLOPT_CUSTOMREQUEST, "DELETE")
    }
    // POST and PUT have a body even if it is empty, and say so (RFC 9110 8.6).
    guard transfer.body.count > 0 || method == .post || method == .put else { return }
    if method == .get { try set(CURLOPT_CUSTOMREQUEST, "GET") }
    try set(CURLOPT_POST, 1)
    try check(ccurl_set_size(curl, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(transfer.body.count)), CURLOPT_POSTFIELDSIZE_LARGE)
    // The transfer keeps the bytes; no copy is made.
    if let bytes = transfer.body.short?.bytes.baseAddress { return try set(CURLOPT_POSTFIELDS, bytes) }
    // Nothing at all would stand for "ask the read callback".
    if transfer.body.count == 0 { return try set(CURLOPT_COPYPOSTFIELDS, "") }
    let object = Unmanaged.passUnretained(transfer).toOpaque()
    try check(ccurl_on_read(curl, transferWantsBody, object), CURLOPT_READFUNCTION)
    // Without it libcurl cannot begin the body anew.
    if transfer.request.mayBeSentTwice { try check(ccurl_on_seek(curl, transferRewindsBody, object), CURLOPT_SEEKFUNCTION) }
  }

  private func set(_ option: CURLoption, _ value: Int) throws(EasyOptionError) {
    try check(ccurl_set_number(curl, option, value), option)
  }

  private func set(_ option: CURLoption, _ value: String) throws(EasyOptionError) {
    try check(ccurl_set_text(curl, option, value), option)
  }

  private func set(_ option: CURLoption, _ value: UnsafeRawPointer) throws(EasyOptionError) {
    try check(ccurl_set_pointer(curl, option, value), option)
  }

  private func check(_ code: CURLcode, _ option: CURLoption) throws(EasyOptionError) {
    if code != CURLE_OK { throw EasyOptionError(code: code, option: option) }
  }
}

struct EasyOptionError: Error {
  let code: CURLcode
  let option: CURLoption
  var details: String {
    let name = curl_easy_option_by_id(option).map { String(cString: $0.pointee.name) } ?? "\(option.rawValue)"
    return "\(String(cString: curl_easy_strerror(code))) (option \(name))"
  }
}

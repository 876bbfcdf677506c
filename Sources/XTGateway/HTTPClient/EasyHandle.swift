import CCurl

/// One of libcurl's easy handles, for one task after the other. What all tasks of a client share is set once; callbacks find their
/// task by way of the handle.
final class EasyHandle {
  let curl: UnsafeMutableRawPointer
  private let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
  /// The present one. Keeps it alive while libcurl works on it.
  var task: CurlTask?
  /// The same, if it is a whole transfer.
  @exclusivity(unchecked) unowned(unsafe) var transfer: CurlTransfer?
  /// The multi handle has it.
  var isKnown = false
  /// The connection that the present transfer uses is made: false from the opening of a socket until a request is about to be sent.
  @exclusivity(unchecked) var isConnected = false
  /// What stands in the place of the method's name; kept by libcurl until it is told otherwise.
  private var customMethod: StaticString?

  init(for multi: CurlMulti) throws(EasyOptionError) {
    guard let curl = curl_easy_init() else {
      errorText.deallocate()
      throw EasyOptionError(code: CURLE_OUT_OF_MEMORY, option: CURLOPT_PRIVATE)
    }
    self.curl = curl
    try set(CURLOPT_PRIVATE, Unmanaged.passUnretained(self).toOpaque())
    try check(ccurl_set_error_text(curl, errorText), CURLOPT_ERRORBUFFER)
    try setConnection(multi.configuration)
    let multiObject = Unmanaged.passUnretained(multi).toOpaque()
    try check(ccurl_on_close_socket(curl, multiClosesSocket, multiObject), CURLOPT_CLOSESOCKETFUNCTION)
    switch multi.configuration.version {
    case .http1:
      try set(CURLOPT_CONNECT_ONLY, 1)
      // Nothing is read through libcurl's own buffer.
      try set(CURLOPT_BUFFERSIZE, 1024)
    case .http2: try setTransfers(multi.configuration)
    }
  }

  deinit {
    curl_easy_cleanup(curl)
    errorText.deallocate()
  }

  /// The object of one of libcurl's handles; nil for those that libcurl uses itself.
  static func of(_ curl: UnsafeMutableRawPointer?) -> EasyHandle? {
    var object: UnsafeMutableRawPointer?
    guard let curl, ccurl_get_private(curl, &object) == CURLE_OK, let object else { return nil }
    return Unmanaged<EasyHandle>.fromOpaque(object).takeUnretainedValue()
  }

  /// What libcurl says about the transfer's failure; empty if nothing.
  var errorDetails: String { String(cString: errorText) }

  /// The socket of a connection that was only made; nil if it is gone.
  var activeSocket: Int32? {
    var descriptor: curl_socket_t = -1
    guard ccurl_get_active_socket(curl, &descriptor) == CURLE_OK, descriptor >= 0 else { return nil }
    return descriptor
  }

  /// For a connection to `origin`, a URL.
  func prepare(connectionTo origin: String, within milliseconds: Int) throws(EasyOptionError) {
    errorText.pointee = 0
    try set(CURLOPT_URL, origin)
    try set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds)
  }

  func prepare(_ transfer: CurlTransfer, onNewConnection: Bool) throws(EasyOptionError) {
    self.transfer = transfer
    isConnected = false
    errorText.pointee = 0
    let request = transfer.request
    try set(CURLOPT_URL, request.base.text + request.path)
    try set(CURLOPT_FRESH_CONNECT, onNewConnection ? 1 : 0)
    try check(ccurl_set_headers(curl, request.headers.list), CURLOPT_HTTPHEADER)
    try setMethod(transfer)
  }

  /// The connection ends with the transfer. Of HTTP/2 libcurl (seen with 7.88) would keep it, and does not always tell the upstream that
  /// nobody wants the stream any more, which then goes on.
  func forbidConnectionReuse() {
    let code = ccurl_set_number(curl, CURLOPT_FORBID_REUSE, 1)
    precondition(code == CURLE_OK, "CURLOPT_FORBID_REUSE: \(HTTPClientError.message(code, ""))")
  }

  private func setConnection(_ configuration: HTTPClientConfiguration) throws(EasyOptionError) {
    // No signals: resolving has a thread of its own. Quick exit: a cancelled transfer does not wait for that thread, which cleans
    // up after itself.
    try set(CURLOPT_NOSIGNAL, 1)
    try set(CURLOPT_QUICK_EXIT, 1)
    try set(CURLOPT_PROTOCOLS_STR, "http,https")
    try set(CURLOPT_FOLLOWLOCATION, 0)
    // Not the environment's proxy: an empty text is "none", absent is "look there", for every request anew.
    try set(CURLOPT_PROXY, "")
    try set(CURLOPT_NOPROXY, "*")
    try set(CURLOPT_TCP_NODELAY, 1)
    try set(CURLOPT_TCP_KEEPALIVE, 1)
    try set(CURLOPT_CONNECTTIMEOUT_MS, configuration.connectTimeoutMilliseconds)
    if let file = configuration.caFile { try set(CURLOPT_CAINFO, file) }
    let version = configuration.version == .http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1
    try set(CURLOPT_HTTP_VERSION, Int(version))
  }

  private func setTransfers(_ configuration: HTTPClientConfiguration) throws(EasyOptionError) {
    try set(CURLOPT_MAXAGE_CONN, configuration.maxIdleSeconds)
    try set(CURLOPT_BUFFERSIZE, configuration.bufferSize)
    // Waits for a connection that others use rather than opening one more.
    if configuration.multiplexes { try set(CURLOPT_PIPEWAIT, 1) }
    let object = Unmanaged.passUnretained(self).toOpaque()
    try check(ccurl_on_open_socket(curl, transferDidOpenSocket, object), CURLOPT_SOCKOPTFUNCTION)
    try check(ccurl_on_header(curl, transferDidReceiveHeader, object), CURLOPT_HEADERFUNCTION)
    try check(ccurl_on_body(curl, transferDidReceiveBody, object), CURLOPT_WRITEFUNCTION)
    try check(ccurl_on_sending(curl, transferWillSend, object), CURLOPT_PREREQFUNCTION)
    try check(ccurl_on_read(curl, transferWantsBody, object), CURLOPT_READFUNCTION)
    try check(ccurl_on_seek(curl, transferRewindsBody, object), CURLOPT_SEEKFUNCTION)
  }

  private func setMethod(_ transfer: CurlTransfer) throws(EasyOptionError) {
    let method = transfer.request.method
    // POST and PUT have a body even if it is empty, and say so (RFC 9110 8.6).
    let hasBody = transfer.body.count > 0 || method == .post || method == .put
    switch method {
    case .get: try setCustomMethod(hasBody ? "GET" : nil)
    case .post: try setCustomMethod(nil)
    case .put: try setCustomMethod("PUT")
    case .delete: try setCustomMethod("DELETE")
    }
    guard hasBody else { return try set(CURLOPT_HTTPGET, 1) }
    try set(CURLOPT_POST, 1)
    try check(ccurl_set_size(curl, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(transfer.body.count)), CURLOPT_POSTFIELDSIZE_LARGE)
    // Nothing at all would stand for "ask the read callback".
    if transfer.body.count == 0 { return try set(CURLOPT_COPYPOSTFIELDS, "") }
    // The transfer keeps the bytes of a short body; no copy is made. A long one is asked for.
    try set(CURLOPT_POSTFIELDS, transfer.body.short?.bytes.baseAddress)
  }

  private func setCustomMethod(_ method: StaticString?) throws(EasyOptionError) {
    guard method?.utf8Start != customMethod?.utf8Start else { return }
    try set(CURLOPT_CUSTOMREQUEST, method.map { UnsafeRawPointer($0.utf8Start) })
    customMethod = method
  }

  private func set(_ option: CURLoption, _ value: Int) throws(EasyOptionError) {
    try check(ccurl_set_number(curl, option, value), option)
  }

  private func set(_ option: CURLoption, _ value: String) throws(EasyOptionError) {
    try check(ccurl_set_text(curl, option, value), option)
  }

  private func set(_ option: CURLoption, _ value: UnsafeRawPointer?) throws(EasyOptionError) {
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

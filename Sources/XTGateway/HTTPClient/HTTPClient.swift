import CCurl
import EventLoop
import Wire

/// Once for the process; libcurl does it under a lock of its own where it was built so, which nothing here relies on.
private let globalInit: CURLcode = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

/// libcurl's multi handle on the loop. One transfer is one easy handle; handles and connections are reused.
///
/// libcurl forbids calls on the multi handle from inside its callbacks. So what a delegate asks for from there waits in
/// `operations`, and is carried out when the outermost call into libcurl has returned. One `close` is owed.
package final class HTTPClient {
  enum Operation {
    case start(HTTPTransfer)
    case resume(HTTPTransfer)
    case remove(HTTPTransfer)
    /// libuv refused to watch the socket.
    case failSocket(Int32)
    case close
  }

  /// How many idle easy handles are kept.
  private static let poolLimit = 128

  let loop: EventLoop
  let configuration: HTTPClientConfiguration
  /// nil once closed.
  private var multi: UnsafeMutableRawPointer?
  var timer: LoopTimer?
  var sockets: [Int32: ClientSocket] = [:]
  /// libcurl wants to be called at the end of the running callback.
  var isDue = false
  /// How often that was done since the loop called last.
  var runsAtOnce = 0
  static let maxRunsAtOnce = 8
  private var transfers: [HTTPTransfer] = []
  private var pool: [EasyHandle] = []
  /// How many calls into libcurl are on the stack.
  private var depth = 0
  private var isSettling = false
  @exclusivity(unchecked) var operations: [Operation] = []
  /// Could not even begin; told at the end of the running callback.
  private var stillborn: [(transfer: HTTPTransfer, code: CURLcode, details: String)] = []

  package init(loop: EventLoop, configuration: HTTPClientConfiguration) {
    (self.loop, self.configuration) = (loop, configuration)
    precondition(globalInit == CURLE_OK, "curl_global_init: \(HTTPClientError.message(globalInit, ""))")
    guard let multi = curl_multi_init() else { fatalError("out of memory: curl_multi_init") }
    self.multi = multi
    timer = LoopTimer(loop: loop) { [self] in actInTurn(CURL_SOCKET_TIMEOUT, 0) }
    let object = Unmanaged.passUnretained(self).toOpaque()
    Self.check(ccurl_multi_on_socket(multi, clientSocketDidChange, object), "CURLMOPT_SOCKETFUNCTION")
    Self.check(ccurl_multi_on_timer(multi, clientTimerDidChange, object), "CURLMOPT_TIMERFUNCTION")
    let multiplexing = configuration.multiplexes ? Int(CURLPIPE_MULTIPLEX) : Int(CURLPIPE_NOTHING)
    Self.check(ccurl_multi_set_number(multi, CURLMOPT_PIPELINING, multiplexing), "CURLMOPT_PIPELINING")
    limitConnections()
  }

  deinit { assert(multi == nil, "an HTTPClient was not closed") }

  /// Nothing is told before this returns. On a closed client the transfer ends at once with `notConnected`.
  @discardableResult package func start(_ request: HTTPClientRequest, delegate: any HTTPTransferDelegate) -> HTTPTransfer {
    let transfer = HTTPTransfer(request, client: self, delegate: delegate)
    transfer.index = transfers.count
    transfers.append(transfer)
    perform(.start(transfer))
    return transfer
  }

  package var activeTransfers: Int { transfers.count }

  /// Cancels everything and closes every connection.
  package func close() { if multi != nil { perform(.close) } }

  // MARK: Operations

  func perform(_ operation: Operation) {
    guard depth == 0 else { return operations.append(operation) }
    carryOut(operation)
    settle()
  }

  private func carryOut(_ operation: Operation) {
    switch operation {
    case .start(let transfer): begin(transfer)
    case .resume(let transfer): goOn(transfer)
    case .remove(let transfer): end(transfer, CURLE_OK)
    case .failSocket(let descriptor): act(descriptor, CURL_CSELECT_ERR)
    case .close: shutDown()
    }
  }

  private func begin(_ transfer: HTTPTransfer) {
    guard transfer.state == .waiting, !transfer.isCancelled else { return end(transfer, CURLE_OK) }
    guard let multi else { return failLater(transfer, CURLE_ABORTED_BY_CALLBACK, "the client is closed") }
    let easy: EasyHandle
    do throws(EasyOptionError) {
      if let idle = pool.popLast() { easy = idle } else { easy = try EasyHandle(for: self) }
      try easy.prepare(transfer)
    } catch {
      return failLater(transfer, error.code, error.details)
    }
    limitConnections()
    let code = inside { curl_multi_add_handle(multi, easy.curl) }
    guard code == CURLM_OK else { return failLater(transfer, CURLE_OUT_OF_MEMORY, Self.words(code)) }
    transfer.easy = easy
    transfer.state = .running
  }

  private func failLater(_ transfer: HTTPTransfer, _ code: CURLcode, _ details: String) {
    stillborn.append((transfer, code, details))
    loop.enqueue(self)
  }

  private func goOn(_ transfer: HTTPTransfer) {
    guard transfer.state == .running, transfer.isHeld, !transfer.isPaused, let easy = transfer.easy else { return }
    transfer.isHeld = false
    // Calls the write callback with what was held back.
    let code = inside { curl_easy_pause(easy.curl, CURLPAUSE_CONT) }
    if code != CURLE_OK { end(transfer, code) }
  }

  /// Takes the transfer out of libcurl, which ends its connection unless the response was complete, and tells its delegate.
  private func end(_ transfer: HTTPTransfer, _ code: CURLcode, _ details: String? = nil) {
    guard transfer.state != .ended else { return }
    transfer.state = .ended
    transfers.swapAt(transfer.index, transfers.count - 1)
    transfers[transfer.index].index = transfer.index
    transfers.removeLast()
    limitConnections()
    var details = details ?? ""
    if let easy = transfer.easy, let multi {
      transfer.easy = nil
      if details.isEmpty && !transfer.isCancelled && code != CURLE_OK { details = easy.errorDetails }
      Self.check(inside { curl_multi_remove_handle(multi, easy.curl) }, "curl_multi_remove_handle")
      // After a failure or in the middle of things libcurl may keep the buffer, whose size cannot be set then.
      if code == CURLE_OK && !transfer.isCancelled { recycle(easy) }
    }
    transfer.tellEnd(code, details)
  }

  private func recycle(_ easy: EasyHandle) {
    guard pool.count < Self.poolLimit else { return }
    easy.transfer = nil
    pool.append(easy)
  }

  private func shutDown() {
    guard let multi else { return }
    // Later operations meet a closed client.
    while let transfer = transfers.last {
      transfer.cancel()
      end(transfer, CURLE_OK)
    }
    pool.removeAll()
    Self.check(inside { curl_multi_cleanup(multi) }, "curl_multi_cleanup")
    self.multi = nil
    for socket in sockets.values { socket.close() }
    sockets.removeAll()
    timer?.close()
    timer = nil
  }

  // MARK: libcurl

  /// Nobody may call libcurl again before `body` has returned.
  private func inside<R>(_ body: () -> R) -> R {
    depth += 1
    defer { depth -= 1 }
    return body()
  }

  /// What the loop calls: a socket or the timer.
  func actInTurn(_ descriptor: Int32, _ events: Int32) {
    runsAtOnce = 0
    act(descriptor, events)
  }

  private func act(_ descriptor: Int32, _ events: Int32) {
    guard let multi else { return }
    var running: Int32 = 0
    let code = inside { curl_multi_socket_action(multi, descriptor, events, &running) }
    if code != CURLM_OK { failAll(code) }
    settle()
  }

  /// Carries out what callbacks asked for and reads what has ended, until there is nothing of either.
  private func settle() {
    guard !isSettling else { return }
    isSettling = true
    defer { isSettling = false }
    repeat {
      var index = 0
      while index < operations.count {
        carryOut(operations[index])
        index += 1
      }
      if index > 0 { operations.removeAll(keepingCapacity: true) }
      readFinished()
    } while !operations.isEmpty
  }

  private func readFinished() {
    var left: Int32 = 0
    while let multi, let message = curl_multi_info_read(multi, &left) {
      // The message's memory goes with the handle.
      let (kind, easy, code) = (message.pointee.msg, message.pointee.easy_handle, message.pointee.data.result)
      guard kind == CURLMSG_DONE else { continue }
      guard let transfer = EasyHandle.of(easy)?.transfer else { preconditionFailure("a handle without its transfer") }
      end(transfer, code)
    }
  }

  /// The multi handle itself failed (out of memory, mostly): nothing that runs can be trusted to go on.
  private func failAll(_ code: CURLMcode) {
    let running = transfers.filter { $0.state == .running }
    for transfer in running { end(transfer, CURLE_ABORTED_BY_CALLBACK, Self.words(code)) }
  }

  /// libcurl's limit counts busy connections too, and is looked at when a connection becomes idle: all others may be busy then.
  private func limitConnections() {
    guard let multi else { return }
    let limit = max(1, configuration.maxIdleConnections) + max(0, transfers.count - 1)
    Self.check(ccurl_multi_set_number(multi, CURLMOPT_MAXCONNECTS, limit), "CURLMOPT_MAXCONNECTS")
  }

  /// A failure here is a mistake of this program.
  private static func check(_ code: CURLMcode, _ call: StaticString) {
    precondition(code == CURLM_OK, "\(call): \(words(code))")
  }

  static func words(_ code: CURLMcode) -> String { "\(String(cString: curl_multi_strerror(code))) (\(code.rawValue))" }
}

extension HTTPClient: DeferredWork {
  package func runDeferred() {
    let failed = stillborn
    stillborn.removeAll()
    for one in failed { end(one.transfer, one.code, one.details) }
    guard isDue else { return }
    isDue = false
    runsAtOnce += 1
    act(CURL_SOCKET_TIMEOUT, 0)
  }
}

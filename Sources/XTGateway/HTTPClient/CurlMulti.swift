import CCurl
import EventLoop
import Wire

/// Once for the process; libcurl does it under a lock of its own where it was built so, which nothing here relies on.
private let globalInit: CURLcode = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

/// libcurl's multi handle on the loop. One task has one easy handle; handles are used again.
///
/// libcurl forbids calls on the multi handle from inside its callbacks. So what is asked for from there waits in `operations`, and is
/// carried out when the outermost call into libcurl has returned. One `close` is owed.
final class CurlMulti {
  enum Operation {
    case start(CurlTask)
    case resume(CurlTransfer)
    case cancel(CurlTask)
    /// Ends the connection that the handle has.
    case discard(EasyHandle)
    /// libuv refused to watch the socket.
    case failSocket(Int32)
    case close
  }

  /// How many idle easy handles are kept. Few: those of a burst lie all over the heap, and keep it from being given back.
  private static let poolLimit = 16

  let loop: EventLoop
  let configuration: HTTPClientConfiguration
  /// nil once closed.
  private var multi: UnsafeMutableRawPointer?
  private var timer: LoopTimer?
  var sockets: [Int32: CurlSocket] = [:]
  /// The descriptor that is being taken out of libcurl's hands, or -1.
  private var releasing: Int32 = -1
  private var hasReleased = false
  /// libcurl wants to be called at the end of the running callback.
  private var isDue = false
  /// How often that was done since the loop called last.
  private var runsAtOnce = 0
  private static let maxRunsAtOnce = 8
  private var running: [CurlTask] = []
  /// How many connections it keeps that are used through it.
  private var kept = 0
  private var pool: [EasyHandle] = []
  /// How many calls into libcurl are on the stack.
  private var depth = 0
  private var isSettling = false
  @exclusivity(unchecked) var operations: [Operation] = []
  /// Could not even begin; told at the end of the running callback.
  private var stillborn: [(task: CurlTask, code: CURLcode, details: String)] = []

  init(loop: EventLoop, configuration: HTTPClientConfiguration) {
    (self.loop, self.configuration) = (loop, configuration)
    precondition(globalInit == CURLE_OK, "curl_global_init: \(HTTPClientError.message(globalInit, ""))")
    guard let multi = curl_multi_init() else { fatalError("out of memory: curl_multi_init") }
    self.multi = multi
    timer = LoopTimer(loop: loop) { [self] in actInTurn(CURL_SOCKET_TIMEOUT, 0) }
    let object = Unmanaged.passUnretained(self).toOpaque()
    Self.check(ccurl_multi_on_socket(multi, multiSocketDidChange, object), "CURLMOPT_SOCKETFUNCTION")
    Self.check(ccurl_multi_on_timer(multi, multiTimerDidChange, object), "CURLMOPT_TIMERFUNCTION")
    let multiplexing = configuration.multiplexes ? Int(CURLPIPE_MULTIPLEX) : Int(CURLPIPE_NOTHING)
    Self.check(ccurl_multi_set_number(multi, CURLMOPT_PIPELINING, multiplexing), "CURLMOPT_PIPELINING")
    // Connections that were only made are not libcurl's to count.
    if configuration.version == .http1 {
      Self.check(ccurl_multi_set_number(multi, CURLMOPT_MAXCONNECTS, Int(Int32.max)), "CURLMOPT_MAXCONNECTS")
    }
    limitConnections()
  }

  deinit { assert(multi == nil, "a CurlMulti was not closed") }

  func start(_ task: CurlTask) { perform(.start(task)) }

  /// Ends the task and its connection; nothing is told.
  func cancel(_ task: CurlTask) { if task.stage != .ended { perform(.cancel(task)) } }

  func resume(_ transfer: CurlTransfer) { perform(.resume(transfer)) }

  /// Connections that are made, or were made and are kept.
  var connections: Int { running.count + kept }

  /// The connection of an ended task's handle is used on; `discard` is owed.
  func keep() { kept += 1 }

  /// Ends a connection that was kept.
  func discard(_ easy: EasyHandle) {
    kept -= 1
    perform(.discard(easy))
  }

  func close() { if multi != nil { perform(.close) } }

  /// Takes an ended task's handle out, which ends its connection unless the transfer was complete.
  func remove(_ easy: EasyHandle, isReusable: Bool) {
    (easy.task, easy.transfer) = (nil, nil)
    guard let multi, easy.isKnown else { return }
    easy.isKnown = false
    Self.check(inside { curl_multi_remove_handle(multi, easy.curl) }, "curl_multi_remove_handle")
    if isReusable, pool.count < Self.poolLimit { pool.append(easy) }
  }

  /// Takes the socket of a connection that was only made out of libcurl's hands: the caller has to close it. nil if libcurl has none.
  func takeSocket(of easy: EasyHandle) -> Int32? {
    guard let descriptor = easy.activeSocket else {
      remove(easy, isReusable: false)
      return nil
    }
    // libcurl ends such a connection with its handle; it has to believe that the socket was closed.
    (releasing, hasReleased) = (descriptor, false)
    remove(easy, isReusable: true)
    defer { releasing = -1 }
    return hasReleased ? descriptor : nil
  }

  /// libcurl is about to close a socket. Returns whether it is somebody else's from now on.
  func releases(_ descriptor: Int32) -> Bool {
    guard releasing == descriptor else { return false }
    hasReleased = true
    return true
  }

  // MARK: Operations

  private func perform(_ operation: Operation) {
    guard depth == 0 else { return operations.append(operation) }
    carryOut(operation)
    settle()
  }

  private func carryOut(_ operation: Operation) {
    switch operation {
    case .start(let task): begin(task)
    case .resume(let transfer): goOn(transfer)
    case .cancel(let task): drop(task)
    // The handle remembers the TLS session, and the next connection begins with that.
    case .discard(let easy): remove(easy, isReusable: true)
    case .failSocket(let descriptor): act(descriptor, CURL_CSELECT_ERR)
    case .close: shutDown()
    }
  }

  private func begin(_ task: CurlTask) {
    guard task.stage == .waiting else { return }
    guard let multi else { return failLater(task, CURLE_ABORTED_BY_CALLBACK, "the client is closed") }
    let easy: EasyHandle
    do throws(EasyOptionError) {
      if let idle = pool.popLast() { easy = idle } else { easy = try EasyHandle(for: self) }
      try task.prepare(easy)
    } catch {
      return failLater(task, error.code, error.details)
    }
    easy.task = task
    (task.easy, task.stage, task.index) = (easy, .running, running.count)
    running.append(task)
    limitConnections()
    easy.isKnown = true
    let code = inside { curl_multi_add_handle(multi, easy.curl) }
    guard code != CURLM_OK else { return }
    easy.isKnown = false
    failLater(task, CURLE_OUT_OF_MEMORY, Self.words(code))
  }

  private func failLater(_ task: CurlTask, _ code: CURLcode, _ details: String) {
    stillborn.append((task, code, details))
    loop.enqueue(self)
  }

  private func goOn(_ transfer: CurlTransfer) {
    guard transfer.stage == .running, transfer.wantsToGoOn, let easy = transfer.easy else { return }
    transfer.isHeld = false
    // Calls the write callback with what was held back.
    let code = inside { curl_easy_pause(easy.curl, CURLPAUSE_CONT) }
    if code != CURLE_OK { end(transfer, code) }
  }

  private func end(_ task: CurlTask, _ code: CURLcode, _ details: String? = nil) {
    guard task.stage != .ended else { return }
    forget(task)
    task.didEnd(code, details ?? (code == CURLE_OK ? "" : task.easy?.errorDetails ?? ""))
  }

  private func drop(_ task: CurlTask) {
    guard task.stage != .ended else { return }
    forget(task)
    if let easy = task.easy {
      easy.forbidConnectionReuse()
      // In the middle of things libcurl may keep the receive buffer, whose size cannot be set then.
      remove(easy, isReusable: false)
    }
    task.easy = nil
  }

  private func forget(_ task: CurlTask) {
    if task.stage == .running {
      running.swapAt(task.index, running.count - 1)
      running[task.index].index = task.index
      running.removeLast()
      limitConnections()
    }
    task.stage = .ended
  }

  private func shutDown() {
    guard let multi else { return }
    // Later operations meet a closed handle.
    while let task = running.last { drop(task) }
    pool.removeAll()
    Self.check(inside { curl_multi_cleanup(multi) }, "curl_multi_cleanup")
    self.multi = nil
    for socket in sockets.values { socket.close() }
    sockets.removeAll()
    timer?.close()
    timer = nil
  }

  // MARK: libcurl

  /// Nobody may call libcurl's multi handle again before `body` has returned.
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
    var count: Int32 = 0
    let code = inside { curl_multi_socket_action(multi, descriptor, events, &count) }
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
      guard let task = EasyHandle.of(easy)?.task else { preconditionFailure("a handle without its task") }
      end(task, code)
    }
  }

  /// The multi handle itself failed (out of memory, mostly): nothing that runs can be trusted to go on.
  private func failAll(_ code: CURLMcode) {
    for task in running { end(task, CURLE_ABORTED_BY_CALLBACK, Self.words(code)) }
  }

  /// libcurl's limit counts busy connections too, and is looked at when a connection becomes idle: all others may be busy then.
  private func limitConnections() {
    guard let multi, configuration.version == .http2 else { return }
    let limit = max(1, configuration.maxIdleConnections) + max(0, running.count - 1)
    Self.check(ccurl_multi_set_number(multi, CURLMOPT_MAXCONNECTS, limit), "CURLMOPT_MAXCONNECTS")
  }

  /// What libcurl wants to do at once is done at the end of the running callback: a turn of the loop for it would cost a system call.
  /// A task that would go on like this for ever has to wait for the next turn.
  func timerDidChange(_ milliseconds: Int) {
    isDue = milliseconds == 0 && runsAtOnce < Self.maxRunsAtOnce
    if isDue { loop.enqueue(self) }
    if milliseconds < 0 || isDue { timer?.stop() } else { timer?.start(after: UInt64(milliseconds)) }
  }

  /// A failure here is a mistake of this program.
  private static func check(_ code: CURLMcode, _ call: StaticString) {
    precondition(code == CURLM_OK, "\(call): \(words(code))")
  }

  private static func words(_ code: CURLMcode) -> String { "\(String(cString: curl_multi_strerror(code))) (\(code.rawValue))" }
}

extension CurlMulti: DeferredWork {
  func runDeferred() {
    let failed = stillborn
    stillborn.removeAll()
    for one in failed { end(one.task, one.code, one.details) }
    guard isDue else { return }
    isDue = false
    runsAtOnce += 1
    act(CURL_SOCKET_TIMEOUT, 0)
  }
}

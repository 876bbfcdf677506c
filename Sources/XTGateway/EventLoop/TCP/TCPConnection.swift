import CUV
import Wire

public protocol TCPConnectionDelegate: AnyObject {
  /// Bytes arrived, in the loop's shared read buffer: valid during the call only.
  func connection(_ connection: TCPConnection, didRead bytes: UnsafeRawBufferPointer)
  /// The peer ended its sending side. A reset that comes right behind unread data is reported like this too (libuv sees only the
  /// hang-up then); the next write fails.
  func connectionDidReadEnd(_ connection: TCPConnection)
  /// Reading or writing failed (ECONNRESET, EPIPE …); the connection is of no use any more, but still has to be closed.
  func connection(_ connection: TCPConnection, didFail error: UVError)
  /// What `write` was given last has been taken by the socket; the buffer is handed back, empty.
  func connection(_ connection: TCPConnection, didWrite buffer: ByteBuffer)
}

/// An accepted or outgoing TCP connection with TCP_NODELAY. One close (or reset) is owed; until then it keeps itself alive.
/// On a closed connection nothing happens any more, and `tryWrite` throws ECANCELED.
public final class TCPConnection: LoopHandle {
  // First what every write looks at.
  @exclusivity(unchecked) var writing: ByteBuffer?
  /// The socket, once it was asked for; -1 before.
  @exclusivity(unchecked) var descriptor: uv_os_fd_t = -1
  /// Strong; cleared by `close` and `reset`, after which no call comes any more.
  public var delegate: (any TCPConnectionDelegate)?
  /// The peer's address without its port.
  public let peerAddress: String
  private var connected: ((TCPConnection, UVError?) -> Void)?
  /// Found outside of a callback: told at the end of the running one.
  private var failure: UVError?
  private var hasReadEnd = false
  var isShutDown = false

  /// The descriptor stays the caller's if this throws.
  init(loop: EventLoop, accepted descriptor: Int32, peerAddress: String) throws(UVError) {
    self.peerAddress = peerAddress
    super.init(loop: loop, uv_tcp_t.self)
    try UVError.check(uv_tcp_init(loop.uv, tcp))
    didOpen()
    let code = uv_tcp_open(tcp, descriptor)
    guard code == 0 else {
      close()
      throw UVError(code: code)
    }
  }

  private init(loop: EventLoop, peerAddress: String) throws(UVError) {
    self.peerAddress = peerAddress
    super.init(loop: loop, uv_tcp_t.self)
    try UVError.check(uv_tcp_init(loop.uv, tcp))
    didOpen()
  }

  /// Opens a connection (for load generators and tests); `connected` gets nil or the error. A close is owed either way.
  public static func connect(loop: EventLoop, host: String, port: Int, _ connected: @escaping (TCPConnection, UVError?) -> Void)
    throws(UVError) -> TCPConnection
  {
    let address = try SocketAddress(host: host, port: port)
    let connection = try TCPConnection(loop: loop, peerAddress: address.text)
    let request = UnsafeMutablePointer<uv_connect_t>.allocate(capacity: 1)
    var code = address.withPointer { uv_tcp_connect(request, connection.tcp, $0, didConnect) }
    if code < 0 { request.deallocate() } else { code = uv_tcp_nodelay(connection.tcp, 1) }
    guard code == 0 else {
      connection.close()
      throw UVError(code: code)
    }
    connection.connected = connected
    return connection
  }

  var tcp: UnsafeMutablePointer<uv_tcp_t> { memory.assumingMemoryBound(to: uv_tcp_t.self) }
  var stream: UnsafeMutablePointer<uv_stream_t> { memory.assumingMemoryBound(to: uv_stream_t.self) }

  public func startReading() {
    guard isOpen, !hasReadEnd else { return }
    let code = uv_read_start(stream, allocate, didRead)
    if code < 0 && code != UV_EALREADY.rawValue { failLater(UVError(code: code)) }
  }

  public func stopReading() {
    guard isOpen else { return }
    UVError.mustSucceed(uv_read_stop(stream), "uv_read_stop")
  }

  public override func close() {
    forgetOwner()
    super.close()
  }

  /// Closes with RST.
  public func reset() {
    forgetOwner()
    close { handle in
      guard uv_tcp_close_reset(tcp, didClose) < 0 else { return }
      // libuv refuses while a shutdown waits for its writes: exactly then the kernel must not go on sending behind our back.
      var descriptor: uv_os_fd_t = -1
      if uv_fileno(handle, &descriptor) == 0 { _ = cuv_abort_on_close(descriptor) }
      uv_close(handle, didClose)
    }
  }

  private func forgetOwner() { (delegate, connected) = (nil, nil) }

  func fail(_ error: UVError) { delegate?.connection(self, didFail: error) }

  /// Tells of a failure that a call of the owner met, not from within that call.
  func failLater(_ error: UVError) {
    guard failure == nil else { return }
    failure = error
    loop.enqueue(self)
  }

  fileprivate func read(_ count: Int, _ buffer: UnsafePointer<uv_buf_t>) {
    loop.enter()
    if count > 0 {
      delegate?.connection(self, didRead: UnsafeRawBufferPointer(start: buffer.pointee.base, count: count))
    } else if count == Int(UV_EOF.rawValue) {
      hasReadEnd = true
      delegate?.connectionDidReadEnd(self)
    } else if count < 0 {
      fail(UVError(code: Int32(count)))
    }
    loop.leave()
  }

  fileprivate func connected(_ status: Int32) {
    loop.enter()
    let tell = connected
    connected = nil
    tell?(self, status < 0 ? UVError(code: status) : nil)
    loop.leave()
  }
}

extension TCPConnection: DeferredWork {
  public func runDeferred() {
    guard let error = failure else { return }
    failure = nil
    fail(error)
  }
}

func connection(of stream: UnsafeMutablePointer<uv_stream_t>) -> TCPConnection {
  Unmanaged<TCPConnection>.fromOpaque(stream.pointee.data).takeUnretainedValue()
}

private func didConnect(_ request: UnsafeMutablePointer<uv_connect_t>?, _ status: Int32) {
  let connection = connection(of: request!.pointee.handle)
  request!.deallocate()
  connection.connected(status)
}

private func allocate(_ handle: UnsafeMutablePointer<uv_handle_t>?, _: Int, _ buffer: UnsafeMutablePointer<uv_buf_t>?) {
  let loop = Unmanaged<LoopHandle>.fromOpaque(handle!.pointee.data).takeUnretainedValue().loop
  buffer!.pointee.base = loop.readBuffer.baseAddress!.assumingMemoryBound(to: CChar.self)
  buffer!.pointee.len = loop.readBuffer.count
}

private func didRead(_ stream: UnsafeMutablePointer<uv_stream_t>?, _ count: Int, _ buffer: UnsafePointer<uv_buf_t>?) {
  connection(of: stream!).read(count, buffer!)
}

import CUV
import Wire

extension TCPConnection {
  /// Writes as much as the socket takes now. Returns the number of bytes taken, 0 if it takes none now or a write is still waiting.
  public func tryWrite(_ bytes: UnsafeRawBufferPointer) throws(UVError) -> Int {
    guard isOpen else { throw UVError(UV_ECANCELED) }
    guard !bytes.isEmpty, writing == nil else { return 0 }
    if descriptor < 0 { try UVError.check(uv_fileno(handle, &descriptor)) }
    let count = cuv_send(descriptor, bytes.baseAddress, bytes.count)
    guard count >= 0 else { throw UVError(code: Int32(count)) }
    return count
  }

  /// Writes all readable bytes of `buffer`, waiting as needed; the buffer belongs to the connection until `didWrite`. One at a time.
  public func write(_ buffer: ByteBuffer) {
    precondition(writing == nil, "a write is still waiting")
    guard isOpen else { return }
    let request = UnsafeMutablePointer<uv_write_t>.allocate(capacity: 1)
    var bytes = uv_buf_t(buffer.bytes)
    let code = uv_write(request, stream, &bytes, 1, didWrite)
    guard code == 0 else {
      request.deallocate()
      return failLater(UVError(code: code))
    }
    writing = buffer
  }

  public var isWriting: Bool { writing != nil }

  /// Ends the sending side once everything is written (FIN), keeps reading. Once; more calls do nothing.
  public func shutdown() {
    guard isOpen, !isShutDown else { return }
    isShutDown = true
    let request = UnsafeMutablePointer<uv_shutdown_t>.allocate(capacity: 1)
    let code = uv_shutdown(request, stream, didShutDown)
    guard code < 0 else { return }
    request.deallocate()
    failLater(UVError(code: code))
  }

  fileprivate func wrote(_ status: Int32) {
    loop.enter()
    let buffer = writing
    writing = nil
    if status < 0 {
      fail(UVError(code: status))
    } else if let buffer {
      buffer.removeAll()
      delegate?.connection(self, didWrite: buffer)
    }
    loop.leave()
  }

  fileprivate func ended(_ status: Int32) {
    loop.enter()
    if status < 0 { fail(UVError(code: status)) }
    loop.leave()
  }
}

extension uv_buf_t {
  /// For writing only: libuv does not change the bytes.
  fileprivate init(_ bytes: UnsafeRawBufferPointer) {
    let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
    self.init(base: base?.assumingMemoryBound(to: CChar.self), len: bytes.count)
  }
}

private func didWrite(_ request: UnsafeMutablePointer<uv_write_t>?, _ status: Int32) {
  let connection = connection(of: request!.pointee.handle)
  request!.deallocate()
  connection.wrote(status)
}

private func didShutDown(_ request: UnsafeMutablePointer<uv_shutdown_t>?, _ status: Int32) {
  let connection = connection(of: request!.pointee.handle)
  request!.deallocate()
  connection.ended(status)
}

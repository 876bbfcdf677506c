import CCurl
import EventLoop

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A connection's bytes: a socket of our own, or one that libcurl keeps because it encrypts what goes over it. One `close` is owed.
enum ByteChannel {
  case plain(Int32)
  case tls(TLSChannel)

  enum Outcome {
    /// So many were read or written, at least one.
    case bytes(Int)
    case wouldBlock
    /// The peer has ended its side (reading only).
    case end
    case failed(Failure)
  }

  enum Failure: Error {
    case system(Int32)
    case libcurl(CURLcode)

    var words: String {
      switch self {
      case .system(let number): "\(UVError(code: -number))"
      case .libcurl(let code): HTTPClientError.message(code, "")
      }
    }
  }

  var descriptor: Int32 {
    switch self {
    case .plain(let descriptor): descriptor
    case .tls(let channel): channel.descriptor
    }
  }

  /// Whether a read that did not fill its buffer has left nothing behind: the loop tells of what comes later.
  var tellsOfTheRest: Bool {
    switch self {
    case .plain: true
    // What is decrypted already is seen by nobody but the TLS library.
    case .tls: false
    }
  }

  @inline(__always) func read(into memory: UnsafeMutableRawBufferPointer) -> Outcome {
    switch self {
    case .plain(let descriptor):
      let count = ccurl_receive(descriptor, memory.baseAddress, memory.count, 0)
      if count > 0 { return .bytes(count) }
      return count == 0 ? .end : Self.failure()
    case .tls(let channel): return channel.read(into: memory)
    }
  }

  /// Writes the beginning of what `vectors` hold, as much as is taken at once. After `wouldBlock` the same bytes have to come again, from
  /// the same memory.
  func write(_ vectors: UnsafeBufferPointer<iovec>) -> Outcome {
    switch self {
    case .plain(let descriptor):
      let count =
        vectors.count == 1
        ? ccurl_send(descriptor, vectors[0].iov_base, vectors[0].iov_len)
        : writev(descriptor, vectors.baseAddress, Int32(vectors.count))
      return count >= 0 ? .bytes(count) : Self.failure()
    case .tls(let channel): return channel.write(vectors[0])
    }
  }

  /// Whether nothing has come, neither bytes nor the end: what an idle connection has to be like to be used.
  var isQuiet: Bool {
    withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { memory in
      switch self {
      case .plain(let descriptor):
        guard ccurl_receive(descriptor, memory.baseAddress, 1, Int32(MSG_PEEK)) < 0, case .wouldBlock = Self.failure() else {
          return false
        }
        return true
      // What is decrypted already shows on no socket, and what shows there may be something of TLS itself.
      case .tls(let channel):
        guard case .wouldBlock = channel.read(into: memory) else { return false }
        return true
      }
    }
  }

  func close() {
    switch self {
    // The descriptor is gone whatever close() says, and everything that matters was read.
    case .plain(let descriptor): _ = ccurl_close_socket(descriptor)
    case .tls(let channel): channel.close()
    }
  }

  /// What `errno` says.
  private static func failure() -> Outcome {
    let number = errno
    return number == EAGAIN || number == EINTR ? .wouldBlock : .failed(.system(number))
  }
}

/// A connection that libcurl made and encrypts. The easy handle has to stay in the multi handle for that.
final class TLSChannel {
  let descriptor: Int32
  private let multi: CurlMulti
  /// nil once closed.
  private var easy: EasyHandle?

  init(_ easy: EasyHandle, _ descriptor: Int32, _ multi: CurlMulti) {
    (self.easy, self.descriptor, self.multi) = (easy, descriptor, multi)
    multi.keep()
  }

  deinit { assert(easy == nil, "a TLSChannel was not closed") }

  func read(into memory: UnsafeMutableRawBufferPointer) -> ByteChannel.Outcome {
    guard let easy else { return .end }
    var count = 0
    let code = curl_easy_recv(easy.curl, memory.baseAddress, memory.count, &count)
    if code == CURLE_OK { return count > 0 ? .bytes(count) : .end }
    return code == CURLE_AGAIN ? .wouldBlock : .failed(.libcurl(code))
  }

  func write(_ vector: iovec) -> ByteChannel.Outcome {
    guard let easy else { return .failed(.libcurl(CURLE_SEND_ERROR)) }
    var count = 0
    let code = curl_easy_send(easy.curl, vector.iov_base, vector.iov_len, &count)
    if code == CURLE_OK { return .bytes(count) }
    return code == CURLE_AGAIN ? .wouldBlock : .failed(.libcurl(code))
  }

  func close() {
    if let easy { multi.discard(easy) }
    easy = nil
  }
}

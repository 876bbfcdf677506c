import Wire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What of a request is still to be sent: the rest of its head (and of a short body), then the parts of a long one, which are not copied.
struct RequestOutput {
  enum Outcome {
    case done
    case blocked
    case failed(ByteChannel.Failure)
  }

  /// Bodies up to this are put behind the head: to copy so little costs less than to gather it.
  static let shortBody = 8 * 1024
  /// How many pieces leave with one system call.
  private static let maxVectors = 16

  private var head: ByteBuffer
  private let parts: [HTTPClientBodyPart]
  private var part: Int
  /// Bytes of the current part that were sent.
  private var offset = 0

  /// - Parameter buffer: empty; belongs to the output until `keep` was called or everything is sent.
  init(_ request: borrowing HTTPClientRequest, to origin: HTTPBaseURL.Parts, in buffer: ByteBuffer) {
    head = buffer
    let length = request.body.reduce(0) { $0 + $1.range.count }
    request.writeHead(to: origin, bodyLength: length, into: buffer)
    if length <= Self.shortBody {
      for part in request.body { buffer.append(part.bytes) }
      parts = []
    } else {
      parts = request.body
    }
    part = 0
  }

  /// The head's buffer is about to be used for something else.
  mutating func keep() {
    let copy = ByteBuffer(capacity: head.count)
    copy.append(head.bytes)
    head = copy
  }

  /// Sends as much as the channel takes. `sent` says whether that was anything.
  mutating func send(to channel: ByteChannel, sent: inout Bool) -> Outcome {
    while true {
      skipEmptyParts()
      if head.isEmpty, part == parts.count { return .done }
      let (outcome, offered) = withUnsafeTemporaryAllocation(of: iovec.self, capacity: Self.maxVectors) { vectors in
        let offered = gather(vectors)
        return (channel.write(UnsafeBufferPointer(rebasing: vectors[..<offered.count])), offered.bytes)
      }
      switch outcome {
      case .bytes(let count):
        sent = true
        consume(count)
        // A socket that took less is full; asking it again would only cost a system call.
        if count < offered, channel.tellsOfTheRest { return .blocked }
      case .wouldBlock, .end: return .blocked
      case .failed(let failure): return .failed(failure)
      }
    }
  }

  private func gather(_ vectors: UnsafeMutableBufferPointer<iovec>) -> (count: Int, bytes: Int) {
    var (count, bytes) = (0, 0)
    func add(_ piece: UnsafeRawBufferPointer) {
      guard !piece.isEmpty else { return }
      // The kernel does not change what it sends.
      vectors[count] = iovec(iov_base: UnsafeMutableRawPointer(mutating: piece.baseAddress), iov_len: piece.count)
      count += 1
      bytes += piece.count
    }
    add(head.bytes)
    var (index, skipped) = (part, offset)
    while index < parts.count, count < vectors.count {
      add(UnsafeRawBufferPointer(rebasing: parts[index].bytes.dropFirst(skipped)))
      (index, skipped) = (index + 1, 0)
    }
    return (count, bytes)
  }

  private mutating func consume(_ count: Int) {
    let ofHead = min(count, head.count)
    head.consume(ofHead)
    var count = count - ofHead
    while count > 0 {
      let taken = min(count, parts[part].range.count - offset)
      offset += taken
      count -= taken
      if offset == parts[part].range.count { (part, offset) = (part + 1, 0) }
    }
  }

  private mutating func skipEmptyParts() { while part < parts.count, parts[part].range.isEmpty { part += 1 } }
}

extension HTTPClientRequest {
  /// The request line and the fields (RFC 9112, sections 3 and 5).
  func writeHead(to origin: HTTPBaseURL.Parts, bodyLength: Int, into buffer: ByteBuffer) {
    switch method {
    case .get: buffer.append("GET ")
    case .post: buffer.append("POST ")
    case .put: buffer.append("PUT ")
    case .delete: buffer.append("DELETE ")
    }
    if !origin.prefix.isEmpty { buffer.append(origin.prefix) }
    buffer.append(path)
    if origin.prefix.isEmpty && path.isEmpty { buffer.append("/") }
    buffer.append(origin.hostLine.bytes)
    buffer.append(headers.block.bytes)
    // POST and PUT have a body even if it is empty, and say so (RFC 9110, section 8.6).
    if bodyLength > 0 || method == .post || method == .put {
      buffer.append("Content-Length: ")
      buffer.append(decimal: bodyLength)
      buffer.append("\r\n\r\n")
    } else {
      buffer.append("\r\n")
    }
  }
}

extension HTTPClientBodyPart {
  /// Valid until the buffer is changed.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer.bytes[range]) }
}

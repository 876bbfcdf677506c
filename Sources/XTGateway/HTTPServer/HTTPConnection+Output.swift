import EventLoop
import Wire

extension HTTPConnection {
  /// How the present stream is written.
  enum StreamForm {
    /// RFC 9112, section 7.1.
    case chunked
    /// As it is: HTTP/1.0 has no chunks.
    case delimitedByClose
    /// Not at all: it answers a HEAD.
    case dropped
  }

  var unsentBytes: Int { output.unsentBytes }

  /// Bytes of this callback count as well, so that who produces them in a loop finds out in time.
  private func noteUnsent(_ unsent: Int) { if unsent >= server.configuration.highWaterMark { output.isBackedUp = true } }

  // MARK: What an exchange does

  /// Bytes appended since the present response began, its head included, framing of a chunk that is still open left out.
  var responseBytes: Int { responseStart.map { sentBytes + unsentBytes - $0 } ?? 0 }
  /// Those of them that the socket has taken.
  var responseBytesTaken: Int { responseStart.map { max(0, sentBytes - $0) } ?? 0 }

  /// - Returns: the bytes of the response.
  func respond(_ head: HTTPResponseHead, body: ByteBuffer) -> Int {
    let isHead = exchange?.head.method == .head
    let minorVersion = exchange?.head.minorVersion ?? 1
    exchange = nil
    forgetBody()
    send(.responseStarted(bodyRemaining: bodyRemaining, delimitedByClose: false))
    let bytes = write(head, body: body, isHead: isHead, minorVersion: minorVersion)
    send(.responseEnded(close: false))
    return bytes
  }

  func startStream(_ head: HTTPResponseHead) {
    guard let exchange else { return }
    let isChunked = exchange.head.minorVersion > 0
    streamForm = exchange.head.method == .head ? .dropped : isChunked ? .chunked : .delimitedByClose
    forgetBody()
    send(.responseStarted(bodyRemaining: bodyRemaining, delimitedByClose: !isChunked))
    responseStart = sentBytes + unsentBytes
    let buffer = output.open(server.pool)
    head.encode(into: buffer)
    if isChunked { buffer.append("transfer-encoding: chunked\r\n") }
    endHead(buffer, minorVersion: exchange.head.minorVersion)
    schedule()
  }

  @inline(__always) func streamBuffer() -> ByteBuffer {
    switch streamForm {
    case .chunked:
      schedule()
      let buffer = output.openChunk(server.pool)
      noteUnsent(output.inFlight + buffer.count)
      return buffer
    case .delimitedByClose:
      schedule()
      let buffer = output.open(server.pool)
      noteUnsent(output.inFlight + buffer.count)
      return buffer
    case .dropped:
      server.scrap.removeAll()
      return server.scrap
    }
  }

  /// Appends to the stream, in short where a chunk is open already.
  @inline(__always) func appendToStream(
    _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, _ third: UnsafeRawBufferPointer
  ) {
    guard output.appendToOpenChunk(first, second, third) else { return streamBuffer().append(first, second, third) }
    noteUnsent(output.unsentBytes)
  }

  /// - Returns: the bytes of the response.
  func endStream(close: Bool) -> Int {
    output.closeChunk()
    if streamForm == .chunked { output.open(server.pool).append("0\r\n\r\n") }
    let bytes = responseBytes
    responseStart = nil
    exchange = nil
    send(.responseEnded(close: close))
    schedule()
    return bytes
  }

  func abort() {
    exchange = nil
    send(.aborted)
  }

  /// The last response of this connection, made by the service but not for an exchange.
  func refuse(_ problem: HTTPProblem) {
    let head = exchange?.head
    // It may be large, and the connection may linger.
    forgetBody()
    let answer = server.service.refusal(problem, of: exchange, peerAddress: peerAddress)
    answer.onWritten(write(answer.head, body: answer.body, isHead: head?.method == .head, minorVersion: head?.minorVersion ?? 1))
    exchange?.wasRefused = true
    endExchange()
  }

  // MARK: Heads

  private func write(_ head: HTTPResponseHead, body: ByteBuffer, isHead: Bool, minorVersion: Int) -> Int {
    let buffer = output.open(server.pool)
    let before = buffer.count
    head.encode(into: buffer)
    let hasBody = !HTTPStatus.hasNoBody(head.status)
    if hasBody {
      buffer.append("content-length: ")
      buffer.append(decimal: body.count)
      buffer.append("\r\n")
    }
    endHead(buffer, minorVersion: minorVersion)
    if hasBody && !isHead { buffer.append(body.bytes) }
    schedule()
    return buffer.count - before
  }

  private func endHead(_ buffer: ByteBuffer, minorVersion: Int) {
    server.date.append(to: buffer)
    if !state.keepsAlive {
      buffer.append("connection: close\r\n")
    } else if minorVersion == 0 {
      buffer.append("connection: keep-alive\r\n")
    }
    buffer.append("\r\n")
  }

  // MARK: Writing

  func noteSent(_ count: Int) {
    sentBytes &+= count
    server.sentBytes &+= count
  }

  /// What the end of a callback nearly always has to do, in short: a stream's chunk leaves whole, and nothing else has changed.
  /// - Returns: whether that was all; else what is left takes the long way.
  func sendChunkAlone() -> Bool {
    guard state.isSendingFreely, output.inFlight == 0, !output.isBackedUp, let buffer = output.takeClosed() else { return false }
    let taken: Int
    do throws(UVError) {
      taken = try tcp.tryWrite(buffer.bytes)
    } catch {
      output.putBack(buffer)
      send(.socketFailed)
      return false
    }
    noteSent(taken)
    let isWhole = taken == buffer.count
    if isWhole {
      server.pool.give(buffer)
    } else {
      buffer.consume(taken)
      output.putBack(buffer)
    }
    return isWhole
  }

  /// Offers what has gathered to the socket. `taken`: the socket has just taken something.
  func flush(taken: Bool) {
    guard state.phase != .closed else { return }
    output.closeChunk()
    var taken = taken
    if output.inFlight == 0, let buffer = output.buffer {
      do throws(UVError) {
        if try offer(buffer) { taken = true }
      } catch {
        send(.socketFailed)
        return
      }
    }
    let unsent = output.unsentBytes
    if exchange != nil { noteUnsent(unsent) }
    send(.written(taken: taken, unsent: unsent))
    tellDrained()
  }

  /// - Returns: whether the socket took something.
  private func offer(_ buffer: ByteBuffer) throws(UVError) -> Bool {
    var taken = 0
    // After the high-water mark the rest goes the slow way, so that the producer hears of the drain in a later turn of the loop
    // and cannot keep this one going for ever.
    if !output.isBackedUp && !buffer.isEmpty {
      taken = try tcp.tryWrite(buffer.bytes)
      noteSent(taken)
      buffer.consume(taken)
    }
    if buffer.isEmpty {
      if let empty = output.takeBuffer() { server.pool.give(empty) }
    } else if buffer.count <= HTTPOutput.sliceBytes {
      _ = output.takeBuffer()
      output.inFlight = buffer.count
      tcp.write(buffer)
    } else {
      let slice = server.pool.take()
      slice.append(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<HTTPOutput.sliceBytes]))
      buffer.consume(HTTPOutput.sliceBytes)
      output.inFlight = slice.count
      tcp.write(slice)
    }
    return taken > 0
  }

  private func tellDrained() {
    guard output.isBackedUp, output.unsentBytes <= server.configuration.lowWaterMark else { return }
    output.isBackedUp = false
    guard let exchange else { return }
    exchange.delegate?.exchangeDidDrain(exchange)
  }
}

import EventLoop
import Wire

/// A connection on which HTTP/1.1 is spoken, one request after the other. Kept alive by its poll handle until it is closed; one
/// `close` is owed, which the end of every transfer but a complete one pays.
///
/// It is watched for reading all its life, also while it is idle: to forget and learn a socket again costs two system calls each.
final class HTTP1Connection: PollHandleDelegate {
  // First what every chunk touches.
  private let client: HTTPClient
  private var poll: PollHandle?
  /// The present one; nil while idle, and once closed.
  @exclusivity(unchecked) private var transfer: HTTPTransfer?
  private let channel: ByteChannel
  @exclusivity(unchecked) private var parser: HTTPResponseParser
  /// What is still to be sent.
  @exclusivity(unchecked) private var output: RequestOutput?
  /// What was read and may not be handed out yet.
  @exclusivity(unchecked) private var held: ByteBuffer?
  /// Where it leads, and the present request's own prefix.
  @exclusivity(unchecked) private var origin: HTTPBaseURL.Parts
  /// Sending failed; what the upstream has said before that is read first.
  @exclusivity(unchecked) private var sendFailure: ByteChannel.Failure?
  /// Whether anything of the present request was sent.
  @exclusivity(unchecked) private var hasSent = false
  @exclusivity(unchecked) private var isReused = false
  /// When it was begun, while nothing was sent on it yet and it may not even be made: the socket of a known address. Nil in all other cases.
  @exclusivity(unchecked) private var untriedSince: UInt64?
  /// Waits for it to be made.
  private var patience: LoopTimer?
  @exclusivity(unchecked) private var isEnqueued = false

  /// How many full buffers are read in one turn of the loop.
  private static let maxReads = 4

  /// The channel stays the caller's if this throws.
  init(_ client: HTTPClient, _ origin: HTTPBaseURL.Parts, _ channel: ByteChannel, isUntried: Bool = false) throws(UVError) {
    (self.client, self.origin, self.channel) = (client, origin, channel)
    if isUntried { untriedSince = client.loop.now }
    parser = HTTPResponseParser(maxHeaderBytes: client.configuration.maxHeaderBytes)
    poll = try PollHandle(loop: client.loop, fileDescriptor: channel.descriptor, delegate: self)
  }

  func leads(to other: HTTPBaseURL.Parts) -> Bool { origin === other || origin.origin == other.origin }
  var isQuiet: Bool { channel.isQuiet }
  var holdsBytes: Bool { held != nil }

  // MARK: Beginning and end

  /// Sends the request, or as much of it as is taken now. Nothing is told.
  func begin(_ transfer: HTTPTransfer, to origin: HTTPBaseURL.Parts) {
    self.origin = origin
    self.transfer = transfer
    transfer.state = .exchanging(self)
    hasSent = false
    let scratch = client.scratch
    // TLS wants what it could not send at once again from the same memory.
    let isLent = channel.tellsOfTheRest
    var output = RequestOutput(transfer.request, to: origin, in: isLent ? scratch : ByteBuffer())
    let isDone = send(&output)
    if !isDone {
      if isLent { output.keep() }
      self.output = output
    }
    if isLent { scratch.removeAll() }
    watch()
    if untriedSince != nil { awaitConnection() }
  }

  /// Half of the time that connecting may take; the rest is libcurl's. (The kernel connects to this machine at once.)
  private func awaitConnection() {
    let timer = LoopTimer(loop: client.loop) { [self] in connectByName() }
    timer.start(after: UInt64(max(1, client.configuration.connectTimeoutMilliseconds / 2)))
    patience = timer
  }

  private func isTried() {
    untriedSince = nil
    patience?.close()
    patience = nil
  }

  /// The known address came to nothing.
  private func connectByName() {
    guard let transfer else { return }
    let start = untriedSince
    abandon()
    client.connectByName(transfer, to: origin, since: start)
  }

  /// The transfer was cancelled.
  func abandon() {
    transfer = nil
    close()
  }

  func close() {
    guard let poll else { return }
    self.poll = nil
    poll.close()
    patience?.close()
    (output, held, patience) = (nil, nil, nil)
    channel.close()
  }

  private func complete(_ transfer: HTTPTransfer, leavesBytes: Bool) {
    let isReusable = parser.keepsAlive && !leavesBytes && output == nil && sendFailure == nil
    self.transfer = nil
    held = nil
    if isReusable {
      parser.reset()
      isReused = true
      client.keep(self)
    } else {
      close()
    }
    transfer.end(nil)
  }

  private func fail(_ kind: HTTPClientError.Kind, _ message: String) {
    guard let transfer else { return }
    abandon()
    transfer.end(HTTPClientError(kind: kind, message: message))
  }

  /// The connection is dead, and the response not complete.
  private func died(_ words: String) {
    guard let transfer else { return }
    guard !parser.hasBegun else { return fail(.brokenResponse, "the response broke off: \(words)") }
    guard untriedSince == nil else { return connectByName() }
    guard isReused else { return fail(.noResponse, "the connection died without an answer: \(words)") }
    abandon()
    // What was not sent, not even in part, cannot have arrived.
    guard transfer.request.mayBeSentTwice || !hasSent else { return transfer.end(.mayNotBeSentTwice) }
    client.connect(transfer, to: origin)
  }

  // MARK: Sending

  /// Returns whether everything was sent, or nothing more can be.
  private func send(_ output: inout RequestOutput) -> Bool {
    let outcome = output.send(to: channel, sent: &hasSent)
    if hasSent, untriedSince != nil { isTried() }
    switch outcome {
    case .done: return true
    case .blocked: return false
    case .failed(let failure):
      sendFailure = failure
      enqueue()
      return true
    }
  }

  private func sendMore() {
    guard var output else { return }
    // Not copied: the property gives up its share.
    self.output = nil
    if !send(&output) { self.output = output }
    watch()
  }

  private func watch() { poll?.watch(output == nil ? .readable : [.readable, .writable]) }

  // MARK: Reading

  func isReady(_ events: PollHandle.Events, _ failed: Bool) {
    guard let transfer else { return idleIsReady(failed) }
    if events.contains(.writable) { sendMore() }
    guard failed || events.contains(.readable) else { return }
    guard !transfer.isPaused else { return rest(failed) }
    read(transfer)
    // libuv watches a failed socket no more, but what came before the failure may not be read to its end.
    if failed { watch() }
  }

  /// Nothing is read until `resume`, which watches again. On a failed socket nothing can be sent either.
  private func rest(_ failed: Bool) { poll?.watch(failed || output == nil ? [] : .writable) }

  /// The server ended the connection, or says something that nobody asked for.
  private func idleIsReady(_ failed: Bool) { if failed || channel.tellsOfTheRest || !channel.isQuiet { client.drop(self) } }

  /// The rest of what did not fit into a turn.
  func readMore() { if let transfer, !transfer.isPaused, held == nil { read(transfer) } }

  // The present transfer comes as a parameter, so that its reference is taken once for a chunk.
  private func read(_ transfer: HTTPTransfer) {
    let memory = UnsafeMutableRawBufferPointer(rebasing: client.loop.readBuffer.prefix(client.configuration.readSize))
    // The kernel takes its time to copy the bytes.
    transfer.touchedNext.issue()
    for _ in 0..<Self.maxReads {
      switch channel.read(into: memory) {
      case .bytes(let count):
        guard receive(UnsafeMutableRawBufferPointer(rebasing: memory[..<count]), transfer) else { return }
        if count < memory.count, channel.tellsOfTheRest { return }
      case .wouldBlock:
        if let sendFailure { died(sendFailure.words) }
        return
      case .end: return ended()
      case .failed(let failure): return died(failure.words)
      }
    }
    if !channel.tellsOfTheRest { client.readNextTurn(self) }
  }

  private func ended() {
    guard let transfer else { return }
    if parser.finish() { complete(transfer, leavesBytes: false) } else { died("it was closed") }
  }

  /// Returns whether more can be read. `bytes` is overwritten.
  private func receive(_ bytes: UnsafeMutableRawBufferPointer, _ transfer: HTTPTransfer) -> Bool {
    var rest = UnsafeRawBufferPointer(bytes)
    if !transfer.isPaused, let chunk = parser.takeSingleChunk(rest) {
      transfer.tell(chunk)
      return self.transfer != nil && !transfer.isPaused
    }
    var body = GatheredBody()
    while true {
      let event: HTTPResponseParser.Event
      do throws(HTTPResponseError) { event = try parser.next(&rest, holdsBody: transfer.isPaused) } catch {
        body.tell(transfer)
        fail(.invalidResponse, error.words)
        return false
      }
      switch event {
      case .more:
        body.tell(transfer)
        return self.transfer != nil && !transfer.isPaused
      case .head:
        transfer.tell(parser.head())
        // The delegate may have cancelled the transfer.
        guard self.transfer != nil else { return false }
      case .body(let bytes): body.add(bytes)
      case .held:
        hold(rest)
        return false
      case .end:
        body.tell(transfer)
        if self.transfer != nil { complete(transfer, leavesBytes: !rest.isEmpty) }
        return false
      }
    }
  }

  /// Keeps bytes until the transfer goes on.
  private func hold(_ rest: UnsafeRawBufferPointer) {
    let held = ByteBuffer(capacity: rest.count)
    held.append(rest)
    self.held = held
  }

  // MARK: Going on

  func resume() { enqueue() }

  private func enqueue() {
    guard !isEnqueued else { return }
    isEnqueued = true
    client.loop.enqueue(self)
  }
}

extension HTTP1Connection: DeferredWork {
  func runDeferred() {
    isEnqueued = false
    guard let transfer, !transfer.isPaused else { return }
    if let held {
      self.held = nil
      guard receive(held.mutableBytes, transfer) else { return }
    }
    watch()
    if sendFailure != nil || !channel.tellsOfTheRest { read(transfer) }
  }
}

import HTTPClient
import Wire
import XSTech

/// One call whose answer is an envelope, under way.
public final class JSONCall: HTTPTransferDelegate {
  public typealias Outcome = Result<JSONValue?, GatewayError>

  private let name: Call
  private unowned let upstream: UpstreamClient
  @exclusivity(unchecked) private var done: ((Outcome) -> Void)?
  @exclusivity(unchecked) private var transfer: HTTPTransfer?
  @exclusivity(unchecked) private var head: HTTPClientResponseHead?
  private let body: ByteBuffer
  private let startedAt: UInt64
  /// Where its owner keeps it.
  @exclusivity(unchecked) var index = 0

  /// No answer of the upstream's JSON calls comes near this.
  private static let maxBodyBytes = 8_388_608

  init(_ name: Call, upstream: UpstreamClient, _ done: @escaping (Outcome) -> Void) {
    (self.name, self.upstream, self.done) = (name, upstream, done)
    body = upstream.takeBody()
    startedAt = upstream.loop.now
  }

  func begin(_ transfer: HTTPTransfer) { if done != nil { self.transfer = transfer } }

  /// When it has taken too long, in milliseconds on the loop's clock.
  var deadline: UInt64 { startedAt + upstream.timeoutMilliseconds }

  /// No `done` comes any more.
  public func cancel() {
    guard done != nil else { return }
    done = nil
    transfer?.cancel()
    transfer = nil
    upstream.ended(self)
  }

  public func transfer(_ transfer: HTTPTransfer, didReceiveHead head: HTTPClientResponseHead) { self.head = head }

  public func transfer(_ transfer: HTTPTransfer, didReceive bytes: UnsafeRawBufferPointer) {
    body.append(bytes)
    guard body.count > Self.maxBodyBytes else { return }
    transfer.cancel()
    finish(.failure(.badResponse("an answer of more than \(Self.maxBodyBytes) bytes")))
  }

  public func transfer(_ transfer: HTTPTransfer, didEnd error: HTTPClientError?) {
    // What was read of it is of no more use behind this.
    defer { upstream.giveBack(body) }
    if let error { return finish(.failure(FailureClassifier.transport(error))) }
    guard let head else { return finish(.failure(.badResponse("no head"))) }
    if let encoding = head.contentEncoding, encoding.lowercased() != "identity" {
      return finish(.failure(.badResponse("it is encoded (\(encoding))")))
    }
    Envelope.read(body.bytes) { outcome in
      switch outcome {
      case .success(let data) where head.status == 200: finish(.success(data))
      case .success: finish(.failure(upstream.classifier.status(head, envelope: nil)))
      case .failure(let code, let message) where head.status == 200:
        finish(.failure(upstream.classifier.envelope(code: code, message: message)))
      case .failure(let code, let message): finish(.failure(upstream.classifier.status(head, envelope: (code, message))))
      case .malformed(let reason) where head.status == 200: finish(.failure(.badResponse(reason)))
      case .malformed: finish(.failure(upstream.classifier.status(head, envelope: nil)))
      }
    }
  }

  func expire() {
    transfer?.cancel()
    finish(.failure(.timeout(.firstByte)))
  }

  private func finish(_ outcome: Outcome) {
    guard let done else { return }
    self.done = nil
    transfer = nil
    upstream.ended(self)
    upstream.observe(name, outcome.failureCode ?? "ok", upstream.loop.now - startedAt)
    done(outcome)
  }
}

extension Result where Failure == GatewayError {
  fileprivate var failureCode: String? {
    switch self {
    case .success: nil
    case .failure(let error): error.code
    }
  }
}

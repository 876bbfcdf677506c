import EventLoop
import HTTPClient
import Wire
import XSTech

/// One call whose answer is an envelope, under way.
package final class JSONCall: HTTPTransferDelegate {
  package typealias Outcome = Result<JSONValue?, GatewayError>

  private var done: ((Outcome) -> Void)?
  private var transfer: HTTPTransfer?
  private var head: HTTPClientResponseHead?
  private let body = ByteBuffer()
  private let loop: EventLoop
  private let classifier: FailureClassifier
  private var timer: LoopTimer?
  /// Called once, when it is over or cancelled.
  var onEnd: (() -> Void)?

  /// No answer of the upstream's JSON calls comes near this.
  private static let maxBodyBytes = 8_388_608

  init(loop: EventLoop, classifier: FailureClassifier, _ done: @escaping (Outcome) -> Void) {
    (self.loop, self.classifier, self.done) = (loop, classifier, done)
  }

  func begin(_ transfer: HTTPTransfer, timeoutMilliseconds: UInt64) {
    guard done != nil else { return }
    self.transfer = transfer
    // The timer holds this object until `finish` or `cancel` closes it.
    let timer = LoopTimer(loop: loop) { self.expire() }
    timer.start(after: timeoutMilliseconds)
    self.timer = timer
  }

  /// No `done` comes any more.
  package func cancel() {
    guard done != nil else { return }
    done = nil
    transfer?.cancel()
    release()
  }

  package func transfer(_ transfer: HTTPTransfer, didReceiveHead head: HTTPClientResponseHead) { self.head = head }

  package func transfer(_ transfer: HTTPTransfer, didReceive bytes: UnsafeRawBufferPointer) {
    body.append(bytes)
    guard body.count > Self.maxBodyBytes else { return }
    transfer.cancel()
    finish(.failure(.badResponse("an answer of more than \(Self.maxBodyBytes) bytes")))
  }

  package func transfer(_ transfer: HTTPTransfer, didEnd error: HTTPClientError?) {
    if let error { return finish(.failure(FailureClassifier.transport(error))) }
    guard let head else { return finish(.failure(.badResponse("no head"))) }
    if let encoding = head.contentEncoding, encoding.lowercased() != "identity" {
      return finish(.failure(.badResponse("it is encoded (\(encoding))")))
    }
    Envelope.read(body.bytes) { outcome in
      switch outcome {
      case .success(let data) where head.status == 200: finish(.success(data))
      case .success: finish(.failure(classifier.status(head, envelope: nil)))
      case .failure(let code, let message) where head.status == 200:
        finish(.failure(classifier.envelope(code: code, message: message)))
      case .failure(let code, let message): finish(.failure(classifier.status(head, envelope: (code, message))))
      case .malformed(let reason) where head.status == 200: finish(.failure(.badResponse(reason)))
      case .malformed: finish(.failure(classifier.status(head, envelope: nil)))
      }
    }
  }

  private func expire() {
    transfer?.cancel()
    finish(.failure(.timeout(.firstByte)))
  }

  private func finish(_ outcome: Outcome) {
    guard let done else { return }
    self.done = nil
    release()
    done(outcome)
  }

  private func release() {
    transfer = nil
    timer?.close()
    timer = nil
    onEnd?()
    onEnd = nil
  }
}

import HTTPClient
import Wire
import XSTech

/// What the head of a completion's response promises, and what to make of a body that is no event stream.
struct CompletionResponse {
  enum Kind: Equatable {
    case eventStream
    /// An envelope, or an error's body: collected, then classified.
    case document
  }

  let head: HTTPClientResponseHead
  let kind: Kind
  private let classifier: FailureClassifier
  private var document = LazyByteBuffer()

  private static let maxDocumentBytes = 65_536

  init(_ head: HTTPClientResponseHead, classifier: FailureClassifier) throws(GatewayError) {
    self.classifier = classifier
    self.head = head
    if let encoding = head.contentEncoding, encoding.lowercased() != "identity" {
      throw .badResponse("it is encoded (\(encoding)) although nothing of the kind was asked for")
    }
    let type = MediaType(head.contentType ?? "")
    switch head.status {
    case 200 where type == .eventStream: kind = .eventStream
    case 200 where type == .json: kind = .document
    case 200 where type == .html: throw .webPage("it is a web page")
    case 200: throw .badResponse("its content type is '\(head.contentType ?? "")', not an event stream")
    case 204, 205: throw .emptyAnswer
    // A success, but of something else: the message may be worked on.
    case 201..<300: throw .badResponse("it answers a completion with HTTP status \(head.status)")
    case 300..<400: throw classifier.status(head, envelope: nil)
    default: kind = .document
    }
  }

  /// - Returns: false when the document is longer than any error should be.
  mutating func collect(_ bytes: UnsafeRawBufferPointer) -> Bool {
    document.append(UnsafeRawBufferPointer(rebasing: bytes.prefix(Self.maxDocumentBytes - document.count)))
    return document.count < Self.maxDocumentBytes
  }

  /// What a response that is a document means.
  var failure: GatewayError {
    Envelope.read(document.bytes) { outcome in
      switch outcome {
      case .failure(let code, let message) where head.status == 200: classifier.envelope(code: code, message: message)
      case .failure(let code, let message): classifier.status(head, envelope: (code, message))
      case .success where head.status == 200: .badResponse("it answers a completion with a document instead of an event stream")
      case .malformed(let reason) where head.status == 200:
        .badResponse("it answers a completion with JSON that is none: \(reason)")
      case .success, .malformed: classifier.status(head, envelope: nil)
      }
    }
  }
}

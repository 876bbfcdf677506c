import Wire

/// A connection's bytes, read with the request parser and the body decoder as the server reads them.
public struct RequestStream {
  public struct Message {
    public let head: HTTPRequestHead
    /// The body as far as it came.
    public var body: [UInt8] = []
    public var isComplete = false
    /// The head without what is told by the body.
    public let summary: String
  }

  public enum End: Equatable { case clean, inHead, inBody, failed(HTTPRequestError) }

  public private(set) var messages: [Message] = []
  public private(set) var end = End.clean
  /// Bytes that were taken, up to the end or to where it failed.
  public private(set) var consumed = 0

  public init(
    _ input: UnsafeRawBufferPointer, parts: [Int], limits: HTTPRequestParser.Limits = .init(), bodyLimit: Int = 1 << 20
  ) {
    var parser = HTTPRequestParser(limits: limits)
    var decoder: HTTPBodyDecoder?
    let body = ByteBuffer()
    var failure: HTTPRequestError?
    forEachPart(parts, of: input) { part in
      var rest = part
      do throws(HTTPRequestError) {
        while !rest.isEmpty {
          var taken = 0
          if decoder != nil {
            taken = try decoder!.decode(rest, into: body, limit: bodyLimit)
          } else if let head = try parser.parse(rest, consumed: &taken) {
            messages.append(Message(head: head, summary: Self.summary(head)))
            decoder = HTTPBodyDecoder(head.framing)
          }
          require(taken <= rest.count && (taken > 0 || decoder?.isComplete == true), "every step takes bytes")
          consumed += taken
          if let ended = decoder, ended.isComplete {
            require(ended.decodedBytes == body.count, "the decoder counts what it decodes")
            close(body)
            decoder = nil
          }
          rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
        }
      } catch {
        failure = error
      }
      return failure == nil
    }
    if let failure {
      end = .failed(failure)
    } else {
      end = decoder != nil ? .inBody : parser.isMidHead ? .inHead : .clean
    }
    if decoder != nil { messages[messages.count - 1].body = Array(body.bytes) }
  }

  private mutating func close(_ body: ByteBuffer) {
    messages[messages.count - 1].body = Array(body.bytes)
    messages[messages.count - 1].isComplete = true
    body.removeAll()
  }

  private static func summary(_ head: HTTPRequestHead) -> String {
    let fields = head.headers.fields.map { "\($0.name)=\($0.value)" }.joined(separator: "\n")
    let flags = "\(head.framing) \(head.expectsContinue) \(head.hasUnknownExpectation) \(head.keepsAlive)"
    let target = "\(head.path) ?\(head.query ?? "-") @\(head.authority ?? "-")"
    return "\(head.method.text) \(target) 1.\(head.minorVersion) \(flags)\n\(fields)"
  }
}

extension RequestStream {
  /// Where two readings of the same bytes differ; nil if nowhere.
  public func difference(from other: RequestStream) -> String? {
    if end != other.end { return "\(end) and \(other.end)" }
    if messages.count != other.messages.count { return "\(messages.count) and \(other.messages.count) messages" }
    for (mine, theirs) in zip(messages, other.messages) where mine.summary != theirs.summary {
      return "\(mine.summary) and \(theirs.summary)"
    }
    // What came of the body of a request that failed within it may differ: the limit is checked ahead of the data.
    for (mine, theirs) in zip(messages, other.messages) where mine.isComplete != theirs.isComplete || mine.body != theirs.body {
      if mine.isComplete || theirs.isComplete || end == .inBody { return "the bodies \(mine.body) and \(theirs.body)" }
    }
    return nil
  }
}

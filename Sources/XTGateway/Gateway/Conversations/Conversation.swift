import Wire

/// A conversation in the gateway's own terms, whatever the dialect it came in. An object, since it is handed around with every step of
/// an exchange.
public final class ChatQuery {
  /// As the client named it.
  public var model: String
  /// The leading system messages, joined by blank lines.
  public var system: String
  public private(set) var turns: [Turn]
  /// How many turns come up to and including the last answer: what a live session must know.
  public private(set) var historyCount: Int
  public var parameters: Parameters
  public var stops: [String]

  /// Sampling parameters in the upstream's ranges; nil means the default.
  public struct Parameters: Equatable {
    public var temperature: Double?
    public var presencePenalty: Double?
    public var frequencyPenalty: Double?
    public var maxTokens: Int?
    public init() {}
  }

  public init(model: String, system: String, turns: [Turn], parameters: Parameters = Parameters(), stops: [String] = []) {
    (self.model, self.system, self.turns) = (model, system, turns)
    historyCount = (turns.lastIndex { $0.role == .assistant } ?? -1) + 1
    (self.parameters, self.stops) = (parameters, stops)
  }
}

public struct Turn {
  public enum Role: UInt8, Sendable { case system = 1, user, assistant, tool }
  public var role: Role
  public var text: String
  public var images: [Attachment]

  public init(_ role: Role, _ text: String, images: [Attachment] = []) {
    (self.role, self.text, self.images) = (role, text, images)
  }
}

/// An image, its base64 text lying where the request brought it.
public struct Attachment {
  public var mediaType: String
  public var fileExtension: String
  public var buffer: ByteBuffer
  public var base64: Range<Int>
  public var byteCount: Int
  /// The request's path of it, for errors.
  public var param: String

  public init(mediaType: String, fileExtension: String, buffer: ByteBuffer, base64: Range<Int>, byteCount: Int, param: String) {
    (self.mediaType, self.fileExtension, self.buffer) = (mediaType, fileExtension, buffer)
    (self.base64, self.byteCount, self.param) = (base64, byteCount, param)
  }

  public var base64Bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer.bytes[base64]) }
}

extension ChatQuery {
  public var history: ArraySlice<Turn> { turns[..<historyCount] }
  /// What is said now.
  public var newTurns: ArraySlice<Turn> { turns[historyCount...] }

  /// Their texts and images may be megabytes.
  public func forgetTurns() { (turns, historyCount) = ([], 0) }
}

import Wire

/// A conversation in the gateway's own terms, whatever the dialect it came in.
package struct ChatQuery {
  /// As the client named it.
  package var model: String
  /// The leading system messages, joined by blank lines.
  package var system: String
  package var turns: [Turn]
  package var parameters: Parameters
  package var stops: [String]

  /// Sampling parameters in the upstream's ranges; nil means the default.
  package struct Parameters: Equatable {
    package var temperature: Double?
    package var presencePenalty: Double?
    package var frequencyPenalty: Double?
    package var maxTokens: Int?
    package init() {}
  }

  package init(model: String, system: String, turns: [Turn], parameters: Parameters = Parameters(), stops: [String] = []) {
    (self.model, self.system, self.turns) = (model, system, turns)
    (self.parameters, self.stops) = (parameters, stops)
  }
}

package struct Turn {
  package enum Role: UInt8, Sendable { case system = 1, user, assistant, tool }
  package var role: Role
  package var text: String
  package var images: [Attachment]

  package init(_ role: Role, _ text: String, images: [Attachment] = []) {
    (self.role, self.text, self.images) = (role, text, images)
  }
}

/// An image, its base64 text lying where the request brought it.
package struct Attachment {
  package var mediaType: String
  package var fileExtension: String
  package var buffer: ByteBuffer
  package var base64: Range<Int>
  package var byteCount: Int
  /// The request's path of it, for errors.
  package var param: String

  package init(mediaType: String, fileExtension: String, buffer: ByteBuffer, base64: Range<Int>, byteCount: Int, param: String) {
    (self.mediaType, self.fileExtension, self.buffer) = (mediaType, fileExtension, buffer)
    (self.base64, self.byteCount, self.param) = (base64, byteCount, param)
  }

  package var base64Bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer.bytes[base64]) }
}

extension ChatQuery {
  /// How many turns come up to and including the last answer: what a live session must know.
  package var historyCount: Int { (turns.lastIndex { $0.role == .assistant } ?? -1) + 1 }
  package var history: ArraySlice<Turn> { turns[..<historyCount] }
  /// What is said now.
  package var newTurns: ArraySlice<Turn> { turns[historyCount...] }
}

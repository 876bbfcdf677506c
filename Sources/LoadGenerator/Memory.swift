import Wire

/// What has been said so far, and what that tells of an answer.
struct Memory {
  /// Every conversation's messages as JSON with commas between; only where they go on.
  private var histories: [ByteBuffer]
  /// What `GET` has answered.
  private var document: ByteBuffer?

  init(_ plan: Plan) { histories = plan.followUps > 0 ? (0..<plan.requests).map { _ in ByteBuffer() } : [] }

  /// The messages with which a conversation goes on.
  func messages(of conversation: Int, with message: ByteBuffer) -> ByteBuffer {
    guard !histories.isEmpty else { return message }
    let history = histories[conversation]
    if !history.isEmpty { history.append(",") }
    history.append(message.bytes)
    return history
  }

  /// What one answer alone does not tell; keeps it where it is asked for again.
  mutating func judge(_ answer: AnswerReader, in conversation: Int, isDocument: Bool) -> Failure? {
    if !histories.isEmpty, let message = answer.message {
      histories[conversation].append(#",{"role":"assistant","content":"#)
      histories[conversation].append(message.bytes)
      histories[conversation].append("}")
    }
    guard isDocument else { return nil }
    if let document { return document.bytes.elementsEqual(answer.document) ? nil : .otherDocument }
    guard (try? JSONDocument(parsing: answer.document)) != nil else { return .malformed("no JSON") }
    document = ByteBuffer(capacity: answer.document.count)
    document?.append(answer.document)
    return nil
  }
}

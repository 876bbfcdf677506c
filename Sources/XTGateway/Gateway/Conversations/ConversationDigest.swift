import Wire

public typealias ConversationKey = SipHash128.Digest

/// Digests of conversations, keyed with a secret of this process, so that nobody outside can construct one.
///
/// A chain: the digest of a conversation with one more turn comes from the digest without it. Every turn enters by a digest of its
/// own, so that no text can imitate the border between two turns.
public struct ConversationDigest: Sendable {
  private let key: SipHash128.Key

  public init(key: SipHash128.Key) { self.key = key }

  /// - Parameter identity: whose conversation it is: the API key's name, or "" for anonymous clients.
  public func start(identity: String) -> ConversationKey {
    var hash = SipHash128(key: key)
    hash.update(0)
    hash.update(identity)
    return hash.finalize()
  }

  public func extend(_ conversation: ConversationKey, by turns: some Sequence<Turn>) -> ConversationKey {
    var digest = conversation
    for turn in turns { digest = extend(digest, role: turn.role, text: textDigest(of: turn), images: turn.images) }
    return digest
  }

  /// - Parameter answer: what `AnswerDigest` made of the answer's text.
  public func extend(_ conversation: ConversationKey, byAnswer answer: SipHash128.Digest) -> ConversationKey {
    extend(conversation, role: .assistant, text: answer, images: [])
  }

  /// For an answer that arrives piece by piece.
  public func answer() -> AnswerDigest { AnswerDigest(SipHash128(key: key)) }

  private func extend(_ conversation: ConversationKey, role: Turn.Role, text: SipHash128.Digest, images: [Attachment])
    -> ConversationKey
  {
    var hash = SipHash128(key: key)
    // At one stroke: the words are whole.
    let turn = (
      UInt64(role.rawValue).littleEndian, conversation.high.littleEndian, conversation.low.littleEndian, text.high.littleEndian,
      text.low.littleEndian
    )
    withUnsafeBytes(of: turn) { hash.update($0) }
    for image in images {
      var content = SipHash128(key: key)
      content.update(image.base64Bytes)
      hash.update(content.finalize())
    }
    return hash.finalize()
  }

  /// Clients trim answers and drop or keep their reasoning: neither may matter. Nothing else is tolerated.
  private func textDigest(of turn: Turn) -> SipHash128.Digest {
    guard turn.role == .assistant else {
      var hash = SipHash128(key: key)
      hash.update(turn.text)
      return hash.finalize()
    }
    var text = turn.text
    return text.withUTF8 { utf8 in
      var digest = answer()
      digest.update(ReasoningTag.withoutReasoning(UnsafeRawBufferPointer(utf8)))
      return digest.trimmed
    }
  }
}

extension SipHash128 {
  fileprivate mutating func update(_ digest: Digest) {
    withUnsafeBytes(of: digest.high.littleEndian) { update($0) }
    withUnsafeBytes(of: digest.low.littleEndian) { update($0) }
  }
}

/// The digest of an answer's text, fed in pieces of any size, with and without the white space at its end.
public struct AnswerDigest: Sendable {
  private var hash: SipHash128
  /// The state before the white space that the text ends with so far.
  private var beforeSpace: SipHash128?

  fileprivate init(_ hash: SipHash128) { self.hash = hash }

  public mutating func update(_ text: UnsafeRawBufferPointer) {
    guard let last = text.last else { return }
    guard Self.isSpace(last) else {
      beforeSpace = nil
      hash.update(text)
      return
    }
    var end = text.count
    while end > 0, Self.isSpace(text[end - 1]) { end -= 1 }
    if end > 0 {
      hash.update(UnsafeRawBufferPointer(rebasing: text[..<end]))
      beforeSpace = hash
    } else if beforeSpace == nil {
      beforeSpace = hash
    }
    hash.update(UnsafeRawBufferPointer(rebasing: text[end...]))
  }

  /// Of the whole text.
  public var whole: SipHash128.Digest { hash.finalize() }
  /// Of the text without the white space at its end.
  public var trimmed: SipHash128.Digest { (beforeSpace ?? hash).finalize() }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) }
}

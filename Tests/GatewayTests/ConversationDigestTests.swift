import Testing
import Wire

@testable import Gateway

@Suite("Digests of conversations") struct ConversationDigestTests {
  private let digest = ConversationDigest(key: SipHash128.Key(k0: 3, k1: 4))
  private var start: ConversationKey { digest.start(identity: "") }

  private func key(_ turns: [Turn]) -> ConversationKey { digest.extend(start, by: turns) }

  @Test func aChainIsTheSameHoweverItIsExtended() {
    let turns = [Turn(.user, "a"), Turn(.assistant, "b"), Turn(.user, "c", images: [attachment("AAAA")]), Turn(.tool, "d")]
    let whole = key(turns)
    for at in 0...turns.count { #expect(digest.extend(key(Array(turns[..<at])), by: turns[at...]) == whole) }
    var each = start
    for turn in turns { each = digest.extend(each, by: [turn]) }
    #expect(each == whole)
  }

  @Test func anAnswerAsItComesIsAnAnswerAsItIsSentBack() {
    var answer = digest.answer()
    "Hello, ".withRawBytes { answer.update($0) }
    "world\n".withRawBytes { answer.update($0) }
    let live = digest.extend(key([Turn(.user, "hi")]), byAnswer: answer.trimmed)
    for text in [
      "Hello, world\n", "Hello, world", "Hello, world \t\r\n ", "<think>hm</think>Hello, world",
      " \n<think>a\nb</think>Hello, world\n",
    ] {
      #expect(key([Turn(.user, "hi"), Turn(.assistant, text)]) == live, "\(text)")
    }
    for text in [
      "Hello, world.", "hello, world", " Hello, world", "Hello,  world", "", "<think>hm</think> Hello, world",
      "<think>Hello, world",
    ] {
      #expect(key([Turn(.user, "hi"), Turn(.assistant, text)]) != live, "\(text)")
    }
  }

  @Test func nothingIsToleratedInOtherTurns() {
    for role in [Turn.Role.user, .tool, .system] {
      #expect(key([Turn(role, "a")]) != key([Turn(role, "a ")]))
      #expect(key([Turn(role, "a")]) != key([Turn(role, " a")]))
      #expect(key([Turn(role, "a")]) != key([Turn(role, "<think>x</think>a")]))
    }
  }

  @Test func rolesAndOrderCount() {
    let roles: [Turn.Role] = [.system, .user, .assistant, .tool]
    #expect(Set(roles.map { key([Turn($0, "a")]) }).count == 4)
    #expect(key([Turn(.user, "a"), Turn(.user, "b")]) != key([Turn(.user, "b"), Turn(.user, "a")]))
    #expect(key([Turn(.user, "a"), Turn(.user, "")]) != key([Turn(.user, "a")]))
    #expect(key([]) == start)
  }

  @Test func noTextImitatesABorder() {
    var keys: Set<ConversationKey> = []
    let splits: [[String]] = [
      ["ab", "c"], ["a", "bc"], ["abc", ""], ["", "abc"], ["abc"], ["a", "b", "c"], ["ab", "", "c"], ["a\n\nb", "c"],
      ["a\u{0}b", "c"],
      ["a\u{2}b", "c"],
    ]
    for texts in splits { keys.insert(key(texts.map { Turn(.user, $0) })) }
    #expect(keys.count == splits.count)
  }

  @Test func identitiesAreApart() {
    let starts = ["", "key:a", "key:b", "key:", "key:a "].map { digest.start(identity: $0) }
    #expect(Set(starts).count == starts.count)
    let turns = [Turn(.user, "a")]
    #expect(Set(starts.map { digest.extend($0, by: turns) }).count == starts.count)
  }

  @Test func secretsAreApart() {
    let other = ConversationDigest(key: SipHash128.Key(k0: 3, k1: 5))
    #expect(other.start(identity: "") != start)
  }

  @Test func imagesCount() {
    let one = attachment("AAAA")
    let two = attachment("BBBB")
    let turns: [[Gateway.Attachment]] = [[], [one], [two], [one, two], [two, one], [one, one], [attachment("AAAABBBB")]]
    #expect(Set(turns.map { key([Turn(.user, "t", images: $0)]) }).count == turns.count)
    // The same picture elsewhere in another request's buffer.
    let buffer = ByteBuffer("xxAAAAyy")
    let moved = Gateway.Attachment(
      mediaType: "image/png", fileExtension: "png", buffer: buffer, base64: 2..<6, byteCount: 3, param: "elsewhere")
    #expect(key([Turn(.user, "t", images: [moved])]) == key([Turn(.user, "t", images: [one])]))
    // An image belongs to its turn.
    #expect(
      key([Turn(.user, "a", images: [one]), Turn(.user, "b")]) != key([Turn(.user, "a"), Turn(.user, "b", images: [one])]))
  }

  @Test func answersInAnySplitAreTheSame() {
    var random = SeededGenerator.seeded("answers")
    let parts = [" ", "\n", "\t", "\u{B}", "a", "é", "😀", "  b  ", "\r\n"]
    for _ in 0..<400 {
      let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in parts.randomElement(using: &random)! }.joined()
      let bytes = Array(text.utf8)
      var whole = digest.answer()
      bytes.withUnsafeBytes { whole.update($0) }
      var split = digest.answer()
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = Int.random(in: 0...min(4, rest.count), using: &random)
        Array(rest.prefix(count)).withUnsafeBytes { split.update($0) }
        rest = rest.dropFirst(count)
      }
      #expect(split.whole == whole.whole)
      #expect(split.trimmed == whole.trimmed)
      var trimmed = bytes
      while let last = trimmed.last, last == 0x20 || (0x09...0x0D).contains(last) { trimmed.removeLast() }
      var reference = digest.answer()
      trimmed.withUnsafeBytes { reference.update($0) }
      #expect(whole.trimmed == reference.whole, "\(text.debugDescription)")
    }
  }

  @Test func reasoningIsTakenOffTheFrontOnly() {
    func without(_ text: String) -> String {
      text.withRawBytes { String(decoding: ReasoningTag.withoutReasoning($0), as: UTF8.self) }
    }
    #expect(without("<think>a</think>b") == "b")
    #expect(without(" \n<think></think>\n\nb ") == "\n\nb ")
    #expect(without("<think>a</think><think>b</think>c") == "<think>b</think>c")
    for text in ["", " ", "b", "<think>a", "b<think>a</think>", "<thin", "</think>b", "<think >a</think>b"] {
      #expect(without(text) == text)
    }
  }
}

import XSTech

/// What is sent to the upstream as one message: its text and its files.
public struct OutgoingMessage {
  public var text: String
  public var images: [Attachment]

  /// Named by their place and type, as the upstream's own client does.
  public var files: [File] {
    images.enumerated().map { index, image in
      File(
        name: Self.fileName(index, image), mediaType: image.mediaType, buffer: image.buffer, base64: image.base64)
    }
  }

  fileprivate static func fileName(_ index: Int, _ image: Attachment) -> String { "image_\(index).\(image.fileExtension)" }
}

/// Writes turns out as text for a session that does not know them. The one place where this is done.
///
/// Earlier turns stand between tags that carry a number; the number is chosen so that the tag's name occurs in no turn's text, and so
/// no text can imitate the end of a turn or the beginning of another.
public enum Transcript {
  /// The new turns alone, for a session that knows everything before them.
  public static func newTurns(of query: ChatQuery) -> OutgoingMessage {
    let turns = query.newTurns
    // Nearly always: somebody says something, and that is all.
    if turns.count == 1, let turn = turns.first, turn.role == .user, !(turn.text.isEmpty && turn.images.isEmpty) {
      return OutgoingMessage(text: turn.text, images: turn.images)
    }
    let tag = freeTag(turns)
    return OutgoingMessage(text: current(turns, tag: tag), images: turns.flatMap(\.images))
  }

  /// The whole conversation, for a fresh session.
  /// - Parameter maxFiles: files in one message; of earlier turns' images the newest are sent, words stand for the others.
  public static func replay(of query: ChatQuery, maxFiles: Int) -> OutgoingMessage {
    guard query.historyCount > 0 else { return newTurns(of: query) }
    let tag = freeTag(query.turns[...])
    let current = query.newTurns.flatMap(\.images)
    let earlier = query.history.flatMap(\.images)
    let kept = Array(earlier.suffix(max(0, maxFiles - current.count)))
    var imageNumber = kept.count - earlier.count
    var text = """
      Below is our conversation so far, oldest message first. Each message stands between <\(tag)> tags that name its author. \
      \(query.newTurns.isEmpty ? "Continue it: write the assistant's next message." : "Continue it: answer what follows the last tag.")\n

      """
    for turn in query.history {
      var names: [String] = []
      for image in turn.images {
        names.append(imageNumber < 0 ? lostImage : OutgoingMessage.fileName(imageNumber, image))
        imageNumber += 1
      }
      text += enclosed(turn, tag: tag, images: names)
    }
    if !query.newTurns.isEmpty { text += "\n" + self.current(query.newTurns, tag: tag) }
    return OutgoingMessage(text: text, images: kept + current)
  }

  /// Stands for an image that is not sent.
  private static let lostImage = "no longer attached"

  /// User turns as they are; whoever else speaks is named. Users who say nothing at all are named too: the upstream refuses an empty
  /// message.
  private static func current(_ turns: ArraySlice<Turn>, tag: String) -> String {
    let isSilent = !turns.contains { $0.role == .user && !($0.text.isEmpty && $0.images.isEmpty) }
    return turns.map { $0.role == .user && !isSilent ? $0.text : enclosed($0, tag: tag, images: []) }.joined(separator: "\n\n")
  }

  /// The images stand in the tag, where no text can imitate them.
  private static func enclosed(_ turn: Turn, tag: String, images: [String]) -> String {
    let attached = images.isEmpty ? "" : " images=\"\(images.joined(separator: ", "))\""
    return "<\(tag) from=\"\(turn.role.label)\"\(attached)>\n\(turn.text)\n</\(tag)>\n"
  }

  private static let tagName: StaticString = "message-"

  /// The texts are looked through once, however many numbers they hold.
  private static func freeTag(_ turns: ArraySlice<Turn>) -> String {
    var taken: Set<Int> = []
    for turn in turns {
      var text = turn.text
      text.withUTF8 { takenNumbers(in: UnsafeRawBufferPointer($0), &taken) }
    }
    var number = 1
    while taken.contains(number) { number += 1 }
    return "\(tagName)\(number)"
  }

  /// Adds every number that `text` holds behind the tag's name: of `message-12` both 1 and 12, since either would be found in it.
  private static func takenNumbers(in text: UnsafeRawBufferPointer, _ taken: inout Set<Int>) {
    var rest = text
    while let start = ByteSearch.first(tagName, in: rest) {
      rest = UnsafeRawBufferPointer(rebasing: rest[(start + tagName.utf8CodeUnitCount)...])
      var number = 0
      // Longer ones cannot be reached: a text would have to hold all those before it.
      for byte in rest.prefix(9) {
        guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { break }
        number = number * 10 + Int(byte - UInt8(ascii: "0"))
        taken.insert(number)
      }
    }
  }
}

extension Turn.Role {
  fileprivate var label: String {
    switch self {
    case .system: "system"
    case .user: "user"
    case .assistant: "assistant"
    case .tool: "tool"
    }
  }
}

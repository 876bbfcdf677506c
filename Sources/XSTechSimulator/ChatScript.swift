import Wire

/// The pieces of one answer, made as they are asked for.
struct ChatScript {
  private enum Source {
    /// Texts one after the other; each begins a new piece.
    case segments([[UInt8]], pieceBytes: Int)
    case numbered(count: Int, padding: [UInt8])
  }

  private let source: Source
  private var segment = 0
  private var offset = 0
  private(set) var piecesMade = 0
  /// Pieces after which the model's limit is reached; 0: none.
  var limit = 0

  /// - Parameter pieceBytes: a piece is so long, or little more where a character would be cut.
  init(_ segments: [String], pieceBytes: Int) {
    source = .segments(segments.map { Array($0.utf8) }, pieceBytes: max(1, pieceBytes))
  }

  /// `count` numbered and stamped pieces of `bytes` bytes each.
  init(numbered count: Int, bytes: Int) {
    source = .numbered(count: count, padding: Self.padding(bytes - Self.headBytes))
  }

  /// Length of `t=<16 digits>;n=<6 digits>;`.
  static let headBytes = 28

  /// Appends the next piece's text; false if there is none.
  mutating func next(into buffer: ByteBuffer) -> Bool {
    if limit > 0 && piecesMade >= limit { return false }
    switch source {
    case .segments(let segments, let pieceBytes):
      while segment < segments.count, offset >= segments[segment].count { (segment, offset) = (segment + 1, 0) }
      guard segment < segments.count else { return false }
      let text = segments[segment]
      var end = min(offset + pieceBytes, text.count)
      while end < text.count, text[end] & 0xC0 == 0x80 { end += 1 }
      text.withUnsafeBytes { buffer.append(UnsafeRawBufferPointer(rebasing: $0[offset..<end])) }
      offset = end
    case .numbered(let count, let padding):
      guard piecesMade < count else { return false }
      buffer.append("t=")
      buffer.append(digits: Int(Clock.unixNanoseconds() % 10_000_000_000_000_000), width: 16)
      buffer.append(";n=")
      buffer.append(digits: piecesMade, width: 6)
      buffer.append(";")
      buffer.append(padding)
    }
    piecesMade += 1
    return true
  }

  /// Two-, three- and four-byte characters and what JSON escapes, filled up with dots.
  private static func padding(_ count: Int) -> [UInt8] {
    var out: [UInt8] = []
    let characters = "你é🎉\"\\\n<好>".map { Array(String($0).utf8) }
    for character in characters where out.count + character.count <= count { out += character }
    return out + Array(repeating: UInt8(ascii: "."), count: count - out.count)
  }
}

extension ChatScript {
  /// The usual answer, padded or cut to `pieces` pieces unless that is 0.
  static func usual(_ question: String, prompt: String?, reasons: Bool, pieces: Int, pieceBytes: Int) -> ChatScript {
    let asked = question.count > 1000 ? "…" + question.suffix(1000) : question
    var segments = reasons ? thoughts(asked) : []
    segments.append("你好！你说的是：「\(asked)」。")
    if let prompt, !prompt.isEmpty { segments.append("我的设定是：「\(prompt)」。") }
    segments.append("This is the simulator: \"quotes\", back\\slash, tab\t, <b>&amp;</b> é ß 😀👩‍🚀🎉\n再见！")
    guard pieces > 0 else { return ChatScript(segments, pieceBytes: pieceBytes) }
    var probe = ChatScript(segments, pieceBytes: pieceBytes)
    while probe.next(into: ByteBuffer()) {}
    if probe.piecesMade < pieces { segments += (probe.piecesMade..<pieces).map { "第\($0)段 🎈 " } }
    var script = ChatScript(segments, pieceBytes: pieceBytes)
    script.limit = pieces
    return script
  }

  /// Reasoning with its tags in pieces of their own, split; parts of tags inside belong to the thoughts.
  static func thoughts(_ question: String) -> [String] {
    ["<th", "ink>", "先想一想：用户说的是「\(question)」。", "1 < 2，<thin 与 </thin 都不是标签 🤔", "</", "thin", "k>"]
  }
}

extension ByteBuffer {
  /// Appends `value` in `width` decimal digits, zeros in front.
  func append(digits value: Int, width: Int) {
    let room = reserve(width)
    var rest = value
    for index in stride(from: width - 1, through: 0, by: -1) {
      room[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    commit(width)
  }
}

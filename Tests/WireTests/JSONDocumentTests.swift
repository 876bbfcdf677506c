import Testing

@testable import Wire

/// Parses `text` and hands the root to `body`; the text lives that long.
func withJSON<Result>(_ text: String, maxDepth: Int = 64, _ body: (JSONValue) throws -> Result) throws -> Result {
  try text.withRawBytes { try body(JSONDocument(parsing: $0, maxDepth: maxDepth).root) }
}

@Suite struct JSONDocumentTests {
  private func error(_ text: String, maxDepth: Int = 64, maxValues: Int = .max) -> JSONError? {
    text.withRawBytes { bytes in
      do throws(JSONError) {
        _ = try JSONDocument(parsing: bytes, maxDepth: maxDepth, maxValues: maxValues)
        return nil
      } catch { return error }
    }
  }

  @Test func kindsAndTokens() throws {
    let text = #" {"o":{"x":[]} , "a" : [1, "two",null],"t":true,"f":false,"n":null,"d":-1.5e3} "#
    try withJSON(text) { root in
      #expect(root.kind == .object)
      #expect(root.count == 6)
      #expect(String(decoding: root.raw, as: UTF8.self) == text.dropFirst().dropLast())
      #expect(root.members.map { $0.key.string } == ["o", "a", "t", "f", "n", "d"])
      #expect(root.members.map { $0.value.kind } == [.object, .array, .true, .false, .null, .number])
      #expect(
        root.members.map { String(decoding: $0.value.raw, as: UTF8.self) }
          == [#"{"x":[]}"#, #"[1, "two",null]"#, "true", "false", "null", "-1.5e3"])
      let array = try #require(root["a"])
      #expect(array.count == 3)
      #expect(array.elements.map(\.kind) == [.number, .string, .null])
      #expect(array.elements.map { String(decoding: $0.raw, as: UTF8.self) } == ["1", "\"two\"", "null"])
      #expect(root["o"]?["x"]?.count == 0)
    }
  }

  @Test func aValueOfAnotherKindHasNothing() throws {
    for text in ["[1]", "{\"a\":1}", "\"a\"", "1", "true", "null"] {
      try withJSON(text) { value in
        #expect((value.string == nil) == (value.kind != .string))
        #expect((value.double == nil) == (value.kind != .number))
        #expect((value.int == nil) == (value.kind != .number))
        #expect((value.bool == nil) == (value.kind != .true))
        #expect(value.isPlainString == (value.kind == .string))
        #expect((value["a"] == nil) == (value.kind != .object))
        #expect(value.members.isEmpty == (value.kind != .object))
        #expect(value.elements.isEmpty == (value.kind != .array))
        #expect(value.count == (value.kind == .array || value.kind == .object ? 1 : 0))
        let buffer = ByteBuffer()
        value.appendDecoded(to: buffer)
        #expect(buffer.text == (value.kind == .string ? "a" : ""))
      }
    }
  }

  @Test func membersAreFoundByDecodedNameAndTheLastWins() throws {
    try withJSON(#"{"a":1,"b":{"a":2},"\u0061":3,"":4,"c\n":5,"a b":[{"a":6}],"grün":7}"#) { root in
      #expect(root["a"]?.int == 3)
      #expect(root["b"]?["a"]?.int == 2)
      #expect(root[""]?.int == 4)
      #expect(root["c\n"]?.int == 5)
      #expect(root["grün"]?.int == 7)
      #expect(root["a b"]?.elements.first?["a"]?.int == 6)
      #expect(root["c"] == nil)
      #expect(root["aa"] == nil)
      #expect(root.member(named: "gr" + "ün")?.int == 7)
      #expect(root.members.count == 7)
    }
  }

  @Test func membersAreVisitedByDecodedName() throws {
    try withJSON(#"{"a":1,"\u0061\n":[2, {"x":0}],"":{},"long name without an escape":"v"}"#) { root in
      var seen: [String] = []
      root.forEachMember { name, key, value in
        seen += [name, key, value.raw].map { String(decoding: $0, as: UTF8.self) }
      }
      #expect(
        seen == [
          "a", #""a""#, "1", "a\n", #""\u0061\n""#, #"[2, {"x":0}]"#, "", #""""#, "{}", "long name without an escape",
          #""long name without an escape""#, #""v""#,
        ])
      for other in [root["a"], root["\u{61}\n"]] { other?.forEachMember { _, _, _ in Issue.record("not an object") } }
    }
  }

  @Test func stringsAreDecoded() throws {
    for (literal, text) in [
      (#""""#, ""), (#""plain, 你好 😀""#, "plain, 你好 😀"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
      (#""\u0041\u00e9\u4F60\uD83D\uDE00""#, "Aé你😀"), (#""\u0000""#, "\0"), (#""a\u2028b""#, "a\u{2028}b"),
      (#""\ud800""#, "\u{FFFD}"), (#""\udc00x""#, "\u{FFFD}x"), (#""\ud800\ud83d\ude00""#, "\u{FFFD}😀"),
      (#""\ud800\n""#, "\u{FFFD}\n"), (#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"), (#""\udc00\udc00""#, "\u{FFFD}\u{FFFD}"),
      (#""\ud83dabcdefgh""#, "\u{FFFD}abcdefgh"),
      (#""\uDBFF\uDFFF""#, "\u{10FFFF}"), (#""\\u0041""#, "\\u0041"),
    ] {
      try withJSON(literal) { value in
        #expect(value.string == text, "\(literal)")
        #expect(value.isPlainString == !literal.contains("\\"))
        #expect(value.inside?.count == literal.utf8.count - 2)
        let buffer = ByteBuffer("before ")
        value.appendDecoded(to: buffer)
        #expect(buffer.text == "before " + text, "\(literal)")
      }
    }
  }

  @Test func stringsAreCompared() throws {
    try withJSON(#"["user","\u0075ser","use","users",1]"#) { root in
      #expect(root.elements.map { $0.isString("user") } == [true, true, false, false, false])
    }
  }

  @Test func depthIsLimited() throws {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
      func nested(_ depth: Int) -> String {
        String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
      }
      #expect(error(nested(64)) == nil)
      #expect(error(nested(65)) == JSONError(reason: "nested deeper than 64 levels", offset: 64 * open.utf8.count))
      #expect(error(nested(1), maxDepth: 0)?.offset == 0)
      #expect(error(nested(0), maxDepth: 0) == nil)
      // Depth costs no stack.
      #expect(error(nested(200_000), maxDepth: 200_000) == nil)
    }
    // Depth, not the number of containers.
    #expect(error("[" + Array(repeating: "[[]]", count: 100).joined(separator: ",") + "]", maxDepth: 3) == nil)
  }

  @Test func values() {
    // The array counts, and so do members' names.
    #expect(error("[1,2,3]", maxValues: 4) == nil)
    #expect(error("[1,2,3]", maxValues: 3) == JSONError(reason: "more than 3 values", offset: 6))
    #expect(error(#"{"a":1,"b":2}"#, maxValues: 5) == nil)
    #expect(error(#"{"a":1,"b":2}"#, maxValues: 4)?.reason == "more than 4 values")
    #expect(error("[[],[],[]]", maxValues: 3)?.reason == "more than 3 values")
    // It is told before the rest is looked at.
    #expect(error("[" + String(repeating: "1,", count: 100) + "nonsense", maxValues: 50)?.reason == "more than 50 values")
  }

  @Test(arguments: [
    ("", "the text is empty", 0), (" ", "the text ends where it needs a value", 1), ("nul", "expected a value", 0),
    ("nulL", "expected a value", 0), ("[1,]", "expected a value", 3), ("[1 2]", "expected ',' or ']'", 3),
    ("[1}", "expected ',' or ']'", 2), ("{\"a\":1]", "expected ',' or '}'", 6), ("{\"a\" 1}", "expected ':'", 5),
    ("{a:1}", "expected a member's name in quotes", 1), ("{\"a\":1,}", "expected a member's name in quotes", 7),
    ("{\"a\":1", "the text ends where it needs ',' or '}'", 6), ("[", "the text ends where it needs a value", 1),
    ("{", "the text ends where it needs a member's name in quotes", 1), ("1 2", "something stands behind the value", 2),
    ("[]]", "something stands behind the value", 2), ("01", "a number begins with a zero", 1),
    ("-01", "a number begins with a zero", 2), ("-", "a number lacks a digit", 1), ("[1.]", "a number lacks a digit", 3),
    ("1e", "a number lacks a digit", 2), ("1e+x", "a number lacks a digit", 3), ("+1", "expected a value", 0),
    (".5", "expected a value", 0), ("NaN", "expected a value", 0), ("1.5.5", "something stands behind the value", 3),
    ("\"abc", "the text ends inside a string", 4), ("\"a\\x\"", "an escape that JSON does not have", 2),
    ("\"a\\u12g4\"", "an escape that JSON does not have", 2), ("\"a\\u12", "an escape that JSON does not have", 2),
    ("\"a\\", "an escape that JSON does not have", 2), ("\"a\nb\"", "a control character in a string", 2),
    ("{\"a\tb\":1}", "a control character in a string", 3), ("\u{FEFF}1", "a byte order mark is not allowed", 0),
    ("[1]\u{A0}", "something stands behind the value", 3), ("'a'", "expected a value", 0),
    ("[1]\0", "something stands behind the value", 3),
  ])
  func errorsSayWhatAndWhere(text: String, reason: String, offset: Int) {
    #expect(error(text) == JSONError(reason: reason, offset: offset))
  }

  @Test func badUTF8IsRefusedWithItsOffset() {
    let bytes = Array("[\"你好".utf8) + [0xED, 0xA0, 0x80] + Array("\"]".utf8)
    bytes.withUnsafeBytes { bytes in
      do throws(JSONError) {
        _ = try JSONDocument(parsing: bytes)
        Issue.record("accepted")
      } catch { #expect(error == JSONError(reason: "not well-formed UTF-8", offset: 8)) }
    }
    #expect(JSONError(reason: "expected ':'", offset: 3).description == "expected ':' at byte 3")
  }

  /// The values keep the index alive, whatever becomes of the document.
  @Test func valuesOutliveTheDocument() throws {
    try "{\"a\":[1,2,{\"b\":\"c\"}]}".withRawBytes { bytes in
      let values = try { try JSONDocument(parsing: bytes).root["a"]?.elements ?? [] }()
      #expect(values.last?["b"]?.string == "c")
    }
  }

  @Test func everyTruncationIsRefused() throws {
    let text = Array(#"{"a":[1.5e-3,true,"x\n\u00e9你😀"],"b":{"c":null,"d":false}}"#.utf8)
    for count in 0..<text.count {
      // A copy of exactly this length, so that a read beyond it is one of foreign memory.
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
      defer { copy.deallocate() }
      copy.copyBytes(from: text[..<count])
      #expect(throws: JSONError.self) { try JSONDocument(parsing: UnsafeRawBufferPointer(copy)) }
    }
    #expect(throws: Never.self) { try text.withUnsafeBytes { try JSONDocument(parsing: $0) } }
  }
}

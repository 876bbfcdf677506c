import Testing
import Wire

@testable import Gateway

@Suite("A line of the log") struct LogLineTests {
  private func text(_ format: Configuration.LogFormat, coloured: Bool, _ body: (inout LogLine) -> Void) -> String {
    let buffer = ByteBuffer()
    var line = LogLine(.warning, LogStyle(format, isColoured: coloured), to: buffer)
    body(&line)
    line.end()
    // The time is always as long.
    return String(buffer.text.dropFirst(format == .json ? 32 : coloured ? 32 : 24))
  }

  @Test func fieldsWithoutAValue() {
    let fields = { (line: inout LogLine) in
      line.message("m")
      line.add("a", "x")
      line.add("b", nil as String?)
      line.add("c", nil as Int?)
      line.add("d", nil as Bool?)
      line.add("e", -5)
      line.add("f", true)
    }
    #expect(
      text(.json, coloured: false, fields) == #","level":"warning","msg":"m","a":"x","b":null,"c":null,"d":null,"e":-5,"f":true}"#
        + "\n")
    #expect(text(.text, coloured: false, fields) == " warning  m a=x e=-5 f=true\n")
  }

  @Test func onlyTextIsColoured() {
    let fields = { (line: inout LogLine) in
      line.message("m")
      line.add("a", "x")
    }
    #expect(text(.text, coloured: true, fields) == " \u{1B}[33mwarning\u{1B}[0m  m \u{1B}[2ma=\u{1B}[0mx\n")
    #expect(text(.json, coloured: true, fields) == #","level":"warning","msg":"m","a":"x"}"# + "\n")
  }

  @Test func wordsAndQuotes() {
    let words = ["", "plain", "two words", "a=b", "\"", "é", "a\nb", "\u{1B}[31m"]
    let line = text(.text, coloured: false) { line in
      line.message("m")
      for word in words { line.add("w", word) }
    }
    #expect(line == #" warning  m w="" w=plain w="two words" w="a=b" w="\"" w="é" w="a b" w=" [31m""# + "\n")
  }

  @Test func columnsLineUp() {
    func columns(_ status: Int, _ method: String, _ route: String, _ milliseconds: Int) -> String {
      text(.text, coloured: false) { line in
        line.message("request")
        line.column(status, 3)
        line.column(method, 4)
        line.column(route, 20)
        line.column(milliseconds, 6)
        line.unit("ms")
      }
    }
    let lines = [
      columns(200, "GET", "/health", 0), columns(0, "", "other", 123_456), columns(404, "POST", "/v1/chat/completions", 12),
    ]
    #expect(Set(lines.map(\.count)).count == 1)
    #expect(lines[2] == " warning  request 404 POST /v1/chat/completions     12 ms\n")
    // What does not fit is shown all the same.
    #expect(
      columns(200, "OPTIONS", "/admin/accounts/{name}/disable", 1_234_567).contains(
        "OPTIONS /admin/accounts/{name}/disable 1234567 ms"))
  }
}

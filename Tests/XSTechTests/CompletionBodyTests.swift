import Testing
import Wire

@testable import XSTech

@Suite("Bodies of completions") struct CompletionBodyTests {
  private func whole(_ body: CompletionBody) -> String {
    let all = ByteBuffer()
    for part in body.parts { all.append(UnsafeRawBufferPointer(rebasing: part.buffer.bytes[part.range])) }
    return all.text
  }

  @Test func withoutFiles() throws {
    let body = CompletionBody(text: "a \"b\"\n😀", sessionID: 96220, files: [])
    #expect(body.parts.count == 1)
    let object = try foundationObject(whole(body))
    #expect(object["text"] as? String == "a \"b\"\n😀")
    #expect(object["sessionId"] as? Int == 96220)
    #expect((object["files"] as? [Any])?.isEmpty == true)
  }

  @Test func filesStayWhereTheyAre() throws {
    let request = ByteBuffer("xxAAAAyyBBBBzz")
    let files = [
      File(name: "image_0.png", mediaType: "image/png", buffer: request, base64: 2..<6),
      File(name: "image_1.jpg", mediaType: "image/jpeg", buffer: request, base64: 8..<12),
    ]
    let body = CompletionBody(text: "t", sessionID: 1, files: files)
    #expect(body.parts.count == 5)
    #expect(body.parts[1].buffer === request && body.parts[3].buffer === request)
    let list = try #require(try foundationObject(whole(body))["files"] as? [[String: String]])
    #expect(
      list == [
        ["name": "image_0.png", "data": "data:image/png;base64,AAAA"],
        ["name": "image_1.jpg", "data": "data:image/jpeg;base64,BBBB"],
      ])
  }
}

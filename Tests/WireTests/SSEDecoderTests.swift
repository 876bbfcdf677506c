import Testing

@testable import Wire

@Suite struct SSEDecoderTests {
  private func events(_ chunks: String..., limit: Int = 1 << 20) throws -> [String] {
    try decode(chunks.map { Array($0.utf8) }, limit: limit).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func theUsualEvents() throws {
    #expect(try events("data: {\"a\":1}\n\ndata: {\"a\":2}\n\ndata: [DONE]\n\n") == ["{\"a\":1}", "{\"a\":2}", "[DONE]"])
  }
}

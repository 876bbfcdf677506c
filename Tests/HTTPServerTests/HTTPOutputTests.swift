import Testing
import Wire

@testable import HTTPServer

@Suite("Output")
struct HTTPOutputTests {
  private func chunk(_ size: Int, behind prefix: String = "") -> String {
    let pool = ByteBufferPool()
    var output = HTTPOutput()
    output.open(pool).append(prefix)
    output.openChunk(pool).append([UInt8](repeating: UInt8(ascii: "x"), count: size))
    output.closeChunk()
    return output.takeBuffer()?.text ?? ""
  }

  @Test func theSizeIsFilledIn() {
    #expect(chunk(5) == "0005\r\nxxxxx\r\n")
    #expect(chunk(5, behind: "head") == "head0005\r\nxxxxx\r\n")
    #expect(chunk(0xABC).hasPrefix("0abc\r\n"))
    #expect(chunk(65535).hasPrefix("ffff\r\n"))
  }

  @Test func aHugeChunkGetsAWiderField() {
    let text = chunk(65536, behind: "head")
    #expect(text.hasPrefix("head00010000\r\n"))
    #expect(text.utf8.count == 14 + 65536 + 2)
    #expect(text.utf8.dropFirst(14).dropLast(2).allSatisfy { $0 == UInt8(ascii: "x") })
    #expect(chunk(1 << 20).hasPrefix("00100000\r\n"))
  }

  @Test func anEmptyChunkIsTakenBack() { #expect(chunk(0, behind: "head") == "head") }

  @Test func oneChunkACallback() {
    let pool = ByteBufferPool()
    var output = HTTPOutput()
    output.openChunk(pool).append("ab" as StaticString)
    output.openChunk(pool).append("cd" as StaticString)
    output.closeChunk()
    output.closeChunk()
    output.openChunk(pool).append("e" as StaticString)
    output.closeChunk()
    #expect(output.takeBuffer()?.text == "0004\r\nabcd\r\n0001\r\ne\r\n")
  }

  @Test func buffersAreUsedAgain() {
    let pool = ByteBufferPool()
    let first = pool.take()
    first.append("old" as StaticString)
    pool.give(first)
    let second = pool.take()
    #expect(second === first)
    #expect(second.isEmpty)
    let large = ByteBuffer(capacity: ByteBufferPool.maxCapacity + 1)
    pool.give(large)
    #expect(pool.take() !== large)
  }
}

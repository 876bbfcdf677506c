import Testing

@testable import Wire

@Suite struct ByteBufferTests {
  @Test func everyKindOfAppend() {
    let buffer = ByteBuffer("a")
    buffer.append("b" as StaticString)
    buffer.append("c" + String(1))
    buffer.append("xdy".dropFirst().dropLast())
    buffer.append([UInt8(ascii: "e")])
    buffer.append(UInt8(ascii: "f"))
    [1, 2].withUnsafeBytes { buffer.append(UnsafeRawBufferPointer(rebasing: $0[..<0])) }
    buffer.append(UnsafeRawBufferPointer(start: nil, count: 0))
    #expect(buffer.text == "abc1def")
    #expect(ByteBuffer([0x61, 0xFF]).text == "a\u{FFFD}")
  }

  @Test(arguments: [0, 7, -7, 10, 99, 1_234_567_890, .max, .min]) func decimals(value: Int) {
    let buffer = ByteBuffer("=")
    buffer.append(decimal: value)
    #expect(buffer.text == "=\(value)")
  }

  @Test func anUntouchedBufferOwnsNoMemory() {
    let buffer = ByteBuffer()
    #expect(buffer.capacity == 0 && buffer.isEmpty && buffer.bytes.isEmpty)
    buffer.append("")
    #expect(buffer.capacity == 0)
    buffer.append("a")
    #expect(buffer.capacity > 0)
    buffer.removeAll()
    #expect(buffer.capacity > 0 && buffer.isEmpty)
    buffer.removeAll(keepingCapacity: false)
    #expect(buffer.capacity == 0)
  }

  /// As a queue whose reader keeps up it must not grow with what has passed through it.
  @Test func aQueueStaysSmall() {
    let buffer = ByteBuffer()
    buffer.append([UInt8](repeating: 1, count: 1000))
    for _ in 0..<10_000 {
      buffer.append([UInt8](repeating: 2, count: 300))
      buffer.consume(300)
    }
    #expect(buffer.count == 1000)
    #expect(buffer.capacity <= 8192)
  }

  @Test func behavesAsAnArrayWould() {
    var random = SeededGenerator.seeded("byte buffer")
    for _ in 0..<30 {
      let buffer = ByteBuffer(capacity: Int.random(in: 0...100, using: &random))
      var model: [UInt8] = []
      for _ in 0..<200 {
        let bytes = (0..<Int.random(in: 0...90, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        switch Int.random(in: 0..<6, using: &random) {
        case 0, 1:
          buffer.append(bytes)
          model += bytes
        case 2:
          let room = buffer.reserve(bytes.count)
          room.copyBytes(from: bytes)
          buffer.commit(bytes.count)
          model += bytes
        case 3:
          let count = Int.random(in: 0...model.count, using: &random)
          buffer.consume(count)
          model.removeFirst(count)
        case 4:
          let count = Int.random(in: 0...min(3, model.count), using: &random)
          buffer.removeLast(count)
          model.removeLast(count)
        default:
          for index in model.indices.prefix(2) {
            buffer.mutableBytes[index] = 7
            model[index] = 7
          }
        }
        #expect(buffer.bytes.elementsEqual(model) && buffer.count == model.count)
      }
    }
  }
}

import EventLoop
import Foundation
import Testing

@Suite struct DescriptorTableTests {
  @Test func whatOthersHaveOpenIsNotOpenInATableOfItsOwn() throws {
    var pipe: [Int32] = [-1, -1]
    try #require(Foundation.pipe(&pipe) == 0)
    let (reader, writer) = (pipe[0], pipe[1])
    let seen = Locked([Bool]())
    let isOver = DispatchSemaphore(value: 0)
    let thread = Foundation.Thread {
      let hasLeft = DescriptorTable.leave()
      let states = [reader, writer, STDERR_FILENO].map { fcntl($0, F_GETFD) >= 0 }
      seen.withLock { $0 = [hasLeft] + states }
      isOver.signal()
    }
    thread.start()
    isOver.wait()
    // Where the kernel does not let it, nothing changes.
    let states = seen.withLock { $0 }
    #expect(states == (states[0] ? [true, false, false, true] : [false, true, true, true]))
    #expect(write(writer, "x", 1) == 1)
    close(writer)
    // The writer's end is open nowhere any more, so the end is seen.
    var bytes = [UInt8](repeating: 0, count: 8)
    #expect(read(reader, &bytes, bytes.count) == 1 && read(reader, &bytes, bytes.count) == 0)
    close(reader)
  }
}

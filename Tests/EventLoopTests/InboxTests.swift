import Glibc
import Synchronization
import Testing

@testable import EventLoop

@Suite struct InboxTests {
  @Test func jobsOfManyThreadsAllRunOnTheLoopInOrderOfEachThread() throws {
    try withLoop { loop in
      let waiting = LoopTimer(loop: loop) {}
      waiting.start(after: 15000)
      let inbox = loop.inbox
      let seen = Mutex<[[Int]]>([[], [], []])
      let stop = Mutex(0)
      // The loop object itself stays here: only the inbox crosses.
      nonisolated(unsafe) let confined = loop
      var threads: [Thread] = []
      for thread in 0..<3 {
        threads.append(
          Thread {
            for number in 0..<1000 {
              inbox.post {
                seen.withLock { $0[thread].append(number) }
                if stop.withLock({
                  $0 += 1; return $0
                }) == 3000 {
                  confined.stop()
                }
              }
            }
          })
      }
      loop.run()
      for thread in threads { thread.join() }
      #expect(seen.withLock { $0 } == Array(repeating: Array(0..<1000), count: 3))
      waiting.close()
    }
  }

  @Test func acceptedJobsRunAndLateOnesAreRefused() throws {
    let loop = try EventLoop()
    let inbox = loop.inbox
    let count = Mutex(0)
    #expect(inbox.post { count.withLock { $0 += 1 } })
    loop.run()  // The inbox does not keep it alive.
    loop.close()
    #expect(count.withLock { $0 } == 1)
    #expect(!inbox.post { count.withLock { $0 += 1 } })
    #expect(count.withLock { $0 } == 1)
  }
}

/// A joinable thread.
final class Thread: Sendable {
  private let id: Mutex<pthread_t>
  init(_ body: @escaping @Sendable () -> Void) {
    var id = pthread_t()
    let box = Unmanaged.passRetained(Box(body)).toOpaque()
    let code = pthread_create(
      &id, nil,
      { argument in
        Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue().body()
        return nil
      }, box)
    precondition(code == 0)
    self.id = Mutex(id)
  }
  func join() { pthread_join(id.withLock { $0 }, nil) }
  private final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
}

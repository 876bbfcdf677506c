import Synchronization
import Testing

@testable import EventLoop

@Suite struct MailboxTests {
  private enum Message: Sendable, Equatable {
    case number(Int, of: Int)
    case last(of: Int)
  }

  @Test func messagesOfManyThreadsArriveInOrderOfEach() throws {
    try withLoop { loop in
      let mailbox = LoopMailbox<Message>()
      var seen: [[Int]] = [[], [], []]
      var ended = 0
      let receiver = try MailboxReceiver(loop: loop, mailbox: mailbox) { message in
        switch message {
        case .number(let number, let thread): seen[thread].append(number)
        case .last:
          ended += 1
          if ended == 3 { loop.stop() }
        }
      }
      let threads = try (0..<3).map { thread in
        try LoopThread(name: "sender") {
          for number in 0..<1000 { mailbox.post(.number(number, of: thread)) }
          mailbox.post(.last(of: thread))
        }
      }
      loop.run()
      for thread in threads { thread.join() }
      #expect(seen == Array(repeating: Array(0..<1000), count: 3))
      receiver.close()
    }
  }

  @Test func whatCameBeforeItWasOpenedIsNotLost() throws {
    try withLoop { loop in
      let mailbox = LoopMailbox<Int>()
      #expect(mailbox.post(1) && mailbox.post(2))
      var seen: [Int] = []
      let receiver = try MailboxReceiver(loop: loop, mailbox: mailbox) { number in
        seen.append(number)
        if seen.count == 2 { loop.stop() }
      }
      loop.run()
      #expect(seen == [1, 2])
      receiver.close()
    }
  }

  /// Who is told "true" may rely on it; who is told "false" has to see to it himself.
  @Test func whatWasAcceptedIsReceivedAndNothingAfterTheEnd() throws {
    try withLoop { loop in
      let mailbox = LoopMailbox<Int>()
      var seen: [Int] = []
      let receiver = try MailboxReceiver(loop: loop, mailbox: mailbox) { seen.append($0) }
      #expect(mailbox.post(1))
      receiver.close()
      #expect(seen == [1])
      #expect(!mailbox.post(2))
      receiver.close()
      loop.run()
      #expect(seen == [1])
    }
  }

  @Test func theReceiverMayCloseItselfWhileItReceives() throws {
    try withLoop { loop in
      let mailbox = LoopMailbox<Int>()
      var seen: [Int] = []
      var receiver: MailboxReceiver<Int>?
      receiver = try MailboxReceiver(loop: loop, mailbox: mailbox) { number in
        seen.append(number)
        if number == 1 {
          mailbox.post(3)
          receiver?.close()
        }
      }
      for number in [1, 2] { mailbox.post(number) }
      loop.run()  // Ends, since nothing is left to wait for.
      #expect(Set(seen) == [1, 2, 3])
      #expect(!mailbox.post(4))
    }
  }

  @Test func aLockedValueIsNobodyElsesMeanwhile() throws {
    let sum = Locked([0])
    let threads = try (0..<3).map { _ in
      try LoopThread(name: "adder") { for _ in 0..<20_000 { sum.withLock { $0 = [$0[0] + 1] } } }
    }
    for thread in threads { thread.join() }
    #expect(sum.withLock { $0 } == [60_000])
  }

  @Test func aThreadTakesWhatItIsGiven() throws {
    let seen = Atomic(0)
    let loop = try EventLoop()
    let thread = try LoopThread(name: "a name that is longer than the kernel keeps") {
      let timer = LoopTimer(loop: loop) { seen.store(1, ordering: .relaxed) }
      timer.start(after: 1)
      while seen.load(ordering: .relaxed) == 0 { loop.run() }
      timer.close()
      loop.close()
    }
    thread.join()
    thread.join()
    #expect(seen.load(ordering: .relaxed) == 1)
  }
}

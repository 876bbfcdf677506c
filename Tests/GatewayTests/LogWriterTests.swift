import EventLoop
import Foundation
import Testing

@testable import Gateway

/// What happens to lines on their way to a destination that is slow, full, gone or moved.
@Suite("The log's writer", .timeLimit(.minutes(1))) final class LogWriterTests: Sendable {
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("log-\(UUID().uuidString)").path
  private var path: String { folder + "/log" }

  init() throws { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private func sink(_ path: String) throws -> LogSink {
    var configuration = Configuration.Log()
    (configuration.format, configuration.file) = (.json, path)
    return try LogSink(configuration)
  }

  private func messages(_ text: String) throws -> [String] {
    #expect(text.isEmpty || text.hasSuffix("\n"))
    return try text.split(separator: "\n").map { try #require(foundationObject(String($0))["msg"] as? String) }
  }

  private func read(_ path: String) throws -> [String] { try messages(String(contentsOfFile: path, encoding: .utf8)) }

  /// The reading end of a new FIFO; nothing blocks on it.
  private func fifo() -> Int32 {
    #expect(mkfifo(path, 0o600) == 0)
    return open(path, O_RDONLY | O_NONBLOCK)
  }

  private func drain(_ descriptor: Int32, until done: (String) -> Bool) -> String {
    var text = Data()
    var piece = [UInt8](repeating: 0, count: 65536)
    for _ in 0..<20_000 {
      let count = Foundation.read(descriptor, &piece, piece.count)
      if count > 0 { text.append(contentsOf: piece[..<count]) } else { usleep(500) }
      if count <= 0, done(String(decoding: text, as: UTF8.self)) { break }
    }
    return String(decoding: text, as: UTF8.self)
  }

  @Test func linesOfManyThreadsStayWhole() throws {
    let sink = try sink(path)
    let count = 2000
    DispatchQueue.concurrentPerform(iterations: 8) { thread in
      for number in 0..<count { sink.write(.info, "\(thread) \(number) " + String(repeating: "x", count: number % 300)) }
    }
    sink.close(within: 20_000)
    let found = try read(path)
    #expect(found.count + sink.droppedLines >= 8 * count)
    for thread in 0..<8 {
      let numbers = found.filter { $0.hasPrefix("\(thread) ") }.map { Int($0.split(separator: " ")[1]) ?? -1 }
      #expect(numbers == numbers.sorted(), "lines of one thread keep their order")
    }
  }

  @Test func nobodyWaitsForADestinationThatTakesNothing() throws {
    let reader = fifo()
    defer { close(reader) }
    let sink = try sink(path)
    let count = 5000
    for number in 0..<count { sink.write(.info, "\(number) " + String(repeating: "x", count: 400)) }
    let dropped = sink.droppedLines
    #expect(dropped > 0 && dropped < count)
    let report = "\(dropped) log lines were dropped"
    let found = try messages(drain(reader) { $0.contains(report) })
    #expect(found.last == report)
    #expect(found.dropLast().map { Int($0.split(separator: " ")[0]) ?? -1 } == Array(0..<count - dropped))
    // There is room again.
    sink.write(.info, "after")
    #expect(try messages(drain(reader) { $0.contains("after") }) == ["after"])
    #expect(sink.droppedLines == dropped)
    sink.close(within: 10_000)
  }

  @Test func closingDoesNotWaitForEver() throws {
    let reader = fifo()
    defer { close(reader) }
    let sink = try sink(path)
    for _ in 0..<1000 { sink.write(.info, String(repeating: "x", count: 400)) }
    let begun = Date()
    sink.close(within: 50)
    #expect(Date().timeIntervalSince(begun) < 10)
    _ = drain(reader) { _ in true }
  }

  @Test func aFullDisk() throws {
    let sink = try sink("/dev/full")
    for number in 0..<10 { sink.write(.info, "\(number)") }
    sink.close(within: 10_000)
    #expect(sink.droppedLines == 10)
  }

  @Test func aReaderThatIsGoneComesBack() throws {
    let first = fifo()
    let sink = try sink(path)
    sink.write(.info, "one")
    #expect(try messages(drain(first) { $0.contains("one") }) == ["one"])
    close(first)
    sink.write(.info, "two")
    while sink.droppedLines == 0 { usleep(500) }
    let second = open(path, O_RDONLY | O_NONBLOCK)
    defer { close(second) }
    sink.write(.info, "three")
    #expect(try messages(drain(second) { $0.contains("dropped") }) == ["three", "1 log line was dropped"])
    sink.close(within: 10_000)
  }

  @Test func theRestOfATornLineDoesNotSpoilTheNext() throws {
    let first = fifo()
    let sink = try sink(path)
    // Longer than what a pipe holds: it is written in part when the reader goes.
    sink.write(.info, String(repeating: "x", count: 200_000))
    var byte: UInt8 = 0
    while Foundation.read(first, &byte, 1) != 1 { usleep(500) }
    close(first)
    while sink.droppedLines == 0 { usleep(500) }
    // What stays in a pipe that nobody has open for reading is there for the next who does.
    let second = open(path, O_RDONLY | O_NONBLOCK)
    defer { close(second) }
    sink.write(.info, "next")
    let lines = drain(second) { $0.contains("dropped") }.split(separator: "\n").map(String.init)
    #expect(lines.count == 3 && lines[0].hasSuffix("xxx"))
    #expect(try messages(lines.dropFirst().joined(separator: "\n") + "\n") == ["next", "1 log line was dropped"])
    sink.close(within: 10_000)
  }

  @Test func aFileThatWasMovedAwayIsOpenedAgain() throws {
    let sink = try sink(path)
    sink.write(.info, "old")
    while try read(path).isEmpty { usleep(500) }
    try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
    sink.write(.info, "still old")
    sink.reopen()
    while !FileManager.default.fileExists(atPath: path) { usleep(500) }
    sink.write(.info, "new")
    sink.close(within: 10_000)
    #expect(try read(path + ".1") == ["old", "still old"])
    #expect(try read(path) == ["the log file \(path) was opened again", "new"])
  }

  /// While others share its table, every system call of theirs costs more.
  @Test func theFileIsOpenForItsThreadAlone() throws {
    let hasTablesOfTheirOwn = Locked(false)
    let isOver = DispatchSemaphore(value: 0)
    let thread = Foundation.Thread {
      hasTablesOfTheirOwn.withLock { $0 = DescriptorTable.leave() }
      isOver.signal()
    }
    thread.start()
    isOver.wait()
    let sink = try sink(path)
    defer { sink.close(within: 10_000) }
    sink.write(.info, "one")
    while try read(path).isEmpty { usleep(500) }
    let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
    let isOpenHere = open.contains { (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path }
    #expect(isOpenHere == !hasTablesOfTheirOwn.withLock { $0 })
  }

  @Test func theOldFileStaysInUseWhereTheNewOneCannotBeOpened() throws {
    let sink = try sink(path)
    sink.write(.info, "old")
    while try read(path).isEmpty { usleep(500) }
    try FileManager.default.moveItem(atPath: folder, toPath: folder + ".1")
    sink.reopen()
    sink.close(within: 10_000)
    let found = try read(folder + ".1/log")
    try FileManager.default.removeItem(atPath: folder + ".1")
    #expect(found.count == 2 && found[1].contains("cannot be opened again (No such file or directory)"))
  }

  @Test func theFormatMayChangeWhileRunning() throws {
    let sink = try sink(path)
    sink.write(.info, "json")
    sink.format = .text
    sink.write(.info, "text")
    sink.close(within: 10_000)
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 2 && lines[0].hasPrefix("{") && lines[1].hasSuffix(" info     text"))
  }
}

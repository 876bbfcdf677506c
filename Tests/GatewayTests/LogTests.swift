import Foundation
import Logging
import Testing
import XSTech

@testable import Gateway

@Suite("The log") struct LogTests {
  /// What `body` writes to a log file, line by line.
  private func lines(_ format: Configuration.LogFormat, level: Configuration.LogLevel = .info, _ body: (LogSink) throws -> Void)
    throws -> [String]
  {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("log-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    var configuration = Configuration.Log()
    (configuration.format, configuration.level, configuration.file) = (format, level, path)
    let sink = try LogSink(configuration)
    try body(sink)
    sink.close(within: 10_000)
    let text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text.isEmpty || text.hasSuffix("\n"))
    return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
  }

  private static let nasty = "a\r\n{\"level\":\"error\"}\n2026 ERROR b\u{1B}[31m \"q\" = \u{2028}\u{2029}\u{85}\u{0}é"

  private func record() -> AccessRecord {
    var record = AccessRecord(
      requestID: "id-1", method: "POST", route: "/v1/chat/completions", client: "127.0.0.1", startedAt: 1000)
    (record.key, record.model, record.account) = ("key\nname", Self.nasty, "cookie-1")
    (record.status, record.isStream, record.firstPieceAt, record.pieces) = (200, true, 1250, 7)
    record.attempts = 1
    record.usage = Usage(prompt: 1, completion: 2, total: 3)
    return record
  }

  @Test func theAccessLineIsJSON() throws {
    let lines = try lines(.json) { AccessLog($0).write(record(), now: 1500) }
    #expect(lines.count == 1)
    let line = try foundationObject(lines[0])
    let fields = [
      "ts", "level", "msg", "request_id", "key", "model", "account", "method", "route", "status", "stream", "blame", "attempts",
      "ttft_ms",
      "duration_ms", "pieces", "prompt_tokens", "completion_tokens", "bytes", "client", "error",
    ]
    for field in fields { #expect(line[field] != nil, "\(field)") }
    #expect(line["level"] as? String == "info")
    #expect(line["msg"] as? String == "request")
    #expect(line["request_id"] as? String == "id-1")
    #expect(line["model"] as? String == Self.nasty)
    #expect(line["status"] as? Int == 200)
    #expect(line["stream"] as? Bool == true)
    #expect(line["ttft_ms"] as? Int == 250)
    #expect(line["duration_ms"] as? Int == 500)
    #expect(line["pieces"] as? Int == 7)
    #expect(line["prompt_tokens"] as? Int == 1)
    #expect(line["completion_tokens"] as? Int == 2)
    #expect(line["attempts"] as? Int == 1)
    #expect(line["error"] is NSNull)
    #expect(line["blame"] is NSNull)
    let shape = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/
    #expect(try shape.wholeMatch(in: #require(line["ts"] as? String)) != nil)
  }

  @Test func failuresAndAbandonedRequests() throws {
    var failed = record()
    (failed.error, failed.status) = (.timeout(.nextByte), 200)
    var gone = record()
    gone.isAbandoned = true
    let lines = try lines(.json) {
      AccessLog($0).write(failed, now: 1500)
      AccessLog($0).write(gone, now: 1500)
    }.map { try foundationObject($0) }
    #expect(lines.map { $0["error"] as? String } == ["upstream_timeout", "client_closed"])
    #expect(lines.map { $0["blame"] as? String } == ["upstream", "client"])
    #expect(lines.map { $0["status"] as? Int } == [200, 499])
  }

  @Test func aLineOfTextIsOneLine() throws {
    let lines = try lines(.text) {
      AccessLog($0).write(record(), now: 1500)
      $0.write(.warning, Self.nasty)
    }
    #expect(lines.count == 2)
    for line in lines {
      for scalar in line.unicodeScalars {
        #expect(scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value) && scalar.value != 0x2028 && scalar.value != 0x2029)
      }
    }
    #expect(lines[0].contains(" info ") && lines[0].contains("request_id=id-1") && lines[0].contains("ttft_ms=250"))
    #expect(lines[0].contains(" request 200 POST /v1/chat/completions    500 ms model="))
    #expect(lines[0].contains(#"key="key name""#))
    #expect(!lines[0].contains("error="))
    #expect(lines[1].contains(" warning  a  {"))
  }

  @Test func whatIsBelowTheLevelIsNotWritten() throws {
    let lines = try lines(.text, level: .warning) {
      AccessLog($0).write(record(), now: 1500)
      $0.write(.notice, "no")
      $0.write(.error, "yes")
      Logger(label: "x") { [sink = $0] _ in SinkLogHandler(sink) }.info("no")
    }
    #expect(lines.count == 1)
  }

  @Test func swiftLogWritesHere() throws {
    let lines = try lines(.json, level: .debug) { sink in Logger(label: "x") { _ in SinkLogHandler(sink) }.debug("hello \(1)") }
    #expect(try foundationObject(try #require(lines.first))["msg"] as? String == "hello 1")
  }

  @Test func aFileThatCannotBeOpened() {
    var configuration = Configuration.Log()
    configuration.file = "/nowhere/at/all"
    #expect(throws: LogFileError.self) { try LogSink(configuration) }
  }

  @Test func timestamps() {
    #expect(Timestamp.text(unixSeconds: 0, milliseconds: 0) == "1970-01-01T00:00:00.000Z")
    #expect(Timestamp.text(unixSeconds: 1_780_568_423, milliseconds: 42) == "2026-06-04T10:20:23.042Z")
    #expect(Timestamp.text(unixSeconds: 951_782_399, milliseconds: 999) == "2000-02-28T23:59:59.999Z")
  }
}

import Foundation
import HTTPClient
import OpenAI
import Testing
import Wire
import XSTech

@testable import Gateway

/// One folder of `Tests/Fixtures/streams`: what the upstream sends, and what has to come of it.
struct StreamFixture: CustomTestStringConvertible, Sendable {
  struct Meta: Decodable, Sendable {
    struct Failure: Decodable, Equatable, Sendable {
      let code: String
      let message: String
    }
    enum TransferEnd: String, Decodable, Sendable { case clean, broken }
    enum CodingKeys: String, CodingKey {
      case description, stop, content, reasoning, usage, error
      case includeUsage = "include_usage"
      case maxEventBytes = "max_event_bytes"
      case transferEnds = "transfer_ends"
      case keepsSession = "keeps_session"
    }
    let description: String
    let stop: [String]?
    let includeUsage: Bool?
    let maxEventBytes: Int?
    let transferEnds: TransferEnd
    let content: String
    let reasoning: String
    /// Prompt, completion, total.
    let usage: [Int]?
    /// How the answer ends: properly …
    let keepsSession: Bool?
    /// … or by a failure.
    let error: Failure?
  }

  let id: String
  let meta: Meta
  let upstream: [UInt8]
  let expected: String

  var testDescription: String { "\(id): \(meta.description)" }

  static let all: [StreamFixture] = {
    let root = URL(fileURLWithPath: #filePath).appendingPathComponent("../../Fixtures/streams").standardized
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
    return names.sorted().map { name in
      let folder = root.appendingPathComponent(name)
      do {
        return StreamFixture(
          id: name, meta: try JSONDecoder().decode(Meta.self, from: Data(contentsOf: folder.appendingPathComponent("meta.json"))),
          upstream: [UInt8](try Data(contentsOf: folder.appendingPathComponent("upstream.sse"))),
          expected: String(decoding: try Data(contentsOf: folder.appendingPathComponent("expected.sse")), as: UTF8.self))
      } catch {
        fatalError("fixture \(name): \(error)")
      }
    }
  }()
}

/// Where a test's answer goes.
final class CollectingStream: AnswerStream {
  let written = ByteBuffer()
  private(set) var begins = 0
  /// Of every `end`, whether the connection closes.
  private(set) var ends: [Bool] = []

  func begin(_ head: HTTPResponseHead) { begins += 1 }
  func buffer() -> ByteBuffer { written }
  func append(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, _ third: UnsafeRawBufferPointer) {
    written.append(first, second, third)
  }
  func end(close: Bool) { ends.append(close) }
}

/// What a dialect that answers in one go would collect.
final class CollectingEncoder: AnswerEncoder {
  private let text = ByteBuffer()
  private let thoughts = ByteBuffer()
  var isCommitted: Bool { false }
  func content(_ inside: UnsafeRawBufferPointer) { text.append(inside) }
  func reasoning(_ inside: UnsafeRawBufferPointer) { thoughts.append(inside) }
  func keepAlive() {}
  func finish(_ usage: Usage?) {}
  func fail(_ error: GatewayError) {}

  var content: String { Self.decoded(text) }
  var reasoning: String { Self.decoded(thoughts) }

  private static func decoded(_ inside: ByteBuffer) -> String {
    let buffer = ByteBuffer()
    JSONString.decode(inside.bytes, into: buffer)
    return buffer.text
  }
}

/// What came of one replay.
struct Replay: Equatable {
  var action: ChatExchangeState.Action
  var output = ""
  var content = ""
  var reasoning = ""
  var usage: Usage?
  var digest: SipHash128.Digest
  var begins = 0
  var ends: [Bool] = []

  static let key = ConversationDigest(key: SipHash128.Key(k0: 1, k1: 2))

  /// Plays a fixture's bytes in these parts to an encoder, as the driver does.
  private static func run(_ fixture: StreamFixture, parts: [ArraySlice<UInt8>], encoder: any AnswerEncoder)
    -> (action: ChatExchangeState.Action, usage: Usage?, digest: SipHash128.Digest)
  {
    var policy = ChatExchangeState.Policy()
    policy.maxAttempts = 1
    var state = ChatExchangeState(policy: policy)
    _ = state.modelFound()
    _ = state.leased(needs: .none)
    state.streamBegan()
    var reader = CompletionReader(
      stops: fixture.meta.stop ?? [], digest: key, maxEventBytes: fixture.meta.maxEventBytes ?? 1 << 20)
    var action = ChatExchangeState.Action.nothing
    for part in parts where action == .nothing { action = withPoisonedCopy(part) { reader.feed($0, &state, to: encoder) } }
    if action == .nothing {
      switch fixture.meta.transferEnds {
      case .clean:
        action = reader.finishFeeding(&state, to: encoder)
        if action == .nothing { action = state.transferEnded(nil) }
      case .broken: action = state.transferEnded(HTTPClientError(kind: .brokenResponse, message: "fixture"))
      }
    }
    switch action {
    case .finish:
      reader.flush(to: encoder)
      encoder.finish(reader.usage)
    case .fail(let error): if encoder.isCommitted { encoder.fail(error) }
    case .askForAccount, .createSession, .replaceSession, .tryElsewhere, .tryNextModel, .updateSession, .send, .abandon,
      .sendKeepAlive, .nothing:
      break
    }
    return (action, reader.usage, reader.answerDigest.whole)
  }

  init(_ fixture: StreamFixture, parts: [ArraySlice<UInt8>]) {
    let stream = CollectingStream()
    let identity = CompletionIdentity(id: "chatcmpl-fixture", created: 1_700_000_000, model: "xstech-test")
    let encoder = OpenAIStreamEncoder(
      stream, head: HTTPResponseHead(status: 200), identity: identity, includesUsage: fixture.meta.includeUsage ?? false)
    (action, usage, digest) = Self.run(fixture, parts: parts, encoder: encoder)
    (output, begins, ends) = (stream.written.text, stream.begins, stream.ends)
    let whole = CollectingEncoder()
    let second = Self.run(fixture, parts: parts, encoder: whole)
    (content, reasoning) = (whole.content, whole.reasoning)
    if second.action != action || second.digest != digest { Issue.record("\(fixture.id): two replays of the same parts differ") }
  }
}

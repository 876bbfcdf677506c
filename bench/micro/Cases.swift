import Gateway
import OpenAI
import Wire
import XSTech

/// One thing that is measured: `run` does it once and says how many events that were.
struct Case {
  let name: String
  let event: String
  /// Bytes that `run` reads, or writes where it only writes.
  let bytes: Int
  let run: () -> Int
}

/// What stops the program where a case does not do what it says.
func require(_ condition: Bool, _ what: StaticString) {
  if !condition { fatalError("\(what)") }
}

/// Pieces as a model sends them: words, Chinese, and now and then an escape.
private let pieces = [
  "Hello", ", world", "你好，", "这是一个", " test", " of\\n", "the \\\"gate", "way. ", " It", " streams", "。", " one", " piece", " after",
  " another", ".",
]

private func bytes(of text: String) -> ByteBuffer { ByteBuffer(text) }

private func eventData(_ piece: String) -> String { #"{"code":0,"type":"string","data":"\#(piece)"}"# }

private func stream() -> ByteBuffer { bytes(of: pieces.map { "data: \(eventData($0))\n\n" }.joined()) }

// MARK: - Requests

private let head = """
  POST /v1/chat/completions HTTP/1.1\r
  Host: 127.0.0.1:8000\r
  Accept-Encoding: gzip, deflate\r
  Connection: keep-alive\r
  Accept: application/json\r
  Content-Type: application/json\r
  User-Agent: OpenAI/Python 2.8.1\r
  X-Stainless-Lang: python\r
  X-Stainless-Package-Version: 2.8.1\r
  X-Stainless-OS: Linux\r
  X-Stainless-Arch: x64\r
  X-Stainless-Runtime: CPython\r
  X-Stainless-Runtime-Version: 3.11.7\r
  Authorization: Bearer sk-0123456789abcdef0123456789abcdef\r
  x-stainless-read-timeout: 600\r
  Content-Length: 512\r
  \r

  """

private func requestParser() -> Case {
  let input = bytes(of: head)
  var parser = HTTPRequestParser(limits: .init())
  return Case(name: "HTTP request head, 15 fields", event: "head", bytes: input.count) {
    var consumed = 0
    let parsed = try? parser.parse(input.bytes, consumed: &consumed)
    require(parsed != nil && consumed == input.count, "a head")
    return 1
  }
}

private func bodyDecoder() -> Case {
  let input = ByteBuffer()
  for _ in 0..<64 {
    input.append("400\r\n")
    input.append([UInt8](repeating: 0x61, count: 1024))
    input.append("\r\n")
  }
  input.append("0\r\n\r\n")
  let body = ByteBuffer(capacity: 65536)
  return Case(name: "chunked body, 1 KiB a chunk", event: "chunk", bytes: input.count) {
    body.removeAll()
    var decoder = HTTPBodyDecoder(.chunked)
    let taken = try? decoder.decode(input.bytes, into: body, limit: 1 << 20)
    require(taken == input.count && body.count == 65536, "a body")
    return 64
  }
}

private func conversation() -> ByteBuffer {
  let turns = (0..<10).map { turn in
    #"{"role":"user","content":"question \#(turn): 你好，how does \"it\" work?\n\#(String(repeating: "word ", count: 30))"},"#
      + #"{"role":"assistant","content":"answer \#(turn): \#(String(repeating: "这是 text. ", count: 30))"}"#
  }
  return bytes(
    of: #"{"model":"xstech-openai::gpt-5.5","stream":true,"temperature":0.7,"messages":["# + turns.joined(separator: ",")
      + #",{"role":"user","content":"and now?"}]}"#)
}

private func json() -> Case {
  let input = conversation()
  return Case(name: "JSON, chat request of 21 messages", event: "document", bytes: input.count) {
    guard let root = try? JSONDocument(parsing: input.bytes).root, let messages = root["messages"] else { return 0 }
    var inside = 0
    for message in messages.elements { inside += message["content"]?.raw.count ?? 0 }
    require(inside > 5000, "messages")
    return 1
  }
}

private func sipHash() -> Case {
  let input = ByteBuffer([UInt8](repeating: 0x61, count: 4096))
  let key = SipHash128.Key(k0: 1, k1: 2)
  return Case(name: "SipHash-2-4-128, 4 KiB", event: "message", bytes: input.count) {
    var hash = SipHash128(key: key)
    hash.update(input.bytes)
    require(hash.finalize().high != 0, "a digest")
    return 1
  }
}

// MARK: - Answers

private func sseDecoder() -> Case {
  let input = stream()
  var decoder = SSEDecoder(maxLineBytes: 1 << 20)
  return Case(name: "SSE, 16 events a read", event: "event", bytes: input.count) {
    var events = 0
    try? decoder.feed(input.bytes) { data in
      events &+= data.isEmpty ? 0 : 1
      return true
    }
    require(events == pieces.count, "events")
    return events
  }
}

private func eventDecoder(fully: Bool) -> Case {
  let inputs = pieces.map { bytes(of: eventData($0)) }
  let count = inputs.reduce(0) { $0 + $1.count }
  let scratch = ByteBuffer()
  return Case(name: fully ? "XSTech event, full parser" : "XSTech event", event: "event", bytes: count) {
    var found = 0
    for input in inputs {
      if fully {
        if case .text = try? Event.decodeFully(input.bytes) { found += 1 }
      } else if TextPieceScanner.scan(input.bytes, scratch: scratch) != nil {
        found += 1
      }
    }
    require(found == pieces.count, "pieces")
    return found
  }
}

/// The OpenAI dialect's form of an answer, without a connection.
private final class ChunkSink: AnswerEncoder {
  let out = ByteBuffer(capacity: 65536)
  private let chunks: ChunkEncoder

  init() {
    let identity = CompletionIdentity(
      id: "chatcmpl-0123456789abcdef01234567", created: 1_764_000_000, model: "xstech-openai::gpt-5.5")
    chunks = ChunkEncoder(identity, includesUsage: false)
  }

  var isCommitted: Bool { true }
  func content(_ inside: UnsafeRawBufferPointer) { chunks.appendContent(inside, to: out) }
  func reasoning(_ inside: UnsafeRawBufferPointer) { chunks.appendReasoning(inside, to: out) }
  func keepAlive() {}
  func finish(_ usage: Usage?) {}
  func fail(_ error: GatewayError) {}
}

private func chunkEncoder() -> Case {
  let inputs = pieces.map { bytes(of: $0) }
  let sink = ChunkSink()
  for input in inputs { sink.content(input.bytes) }
  return Case(name: "OpenAI chunk", event: "chunk", bytes: sink.out.count) {
    sink.out.removeAll()
    for input in inputs { sink.content(input.bytes) }
    return inputs.count
  }
}

/// What happens between a read from the upstream and a write to the client.
private final class Translation {
  private let input = stream()
  private let sink = ChunkSink()
  private var state = ChatExchangeState()
  private var reader = CompletionReader(
    stops: [], digest: ConversationDigest(key: .init(k0: 1, k1: 2)), maxEventBytes: 1 << 20)

  init() {
    _ = state.modelFound()
    _ = state.leased(needs: .none)
    state.streamBegan()
  }

  var bytes: Int { input.count }

  func run() -> Int {
    sink.out.removeAll()
    let before = reader.pieces
    let action = reader.feed(input.bytes, &state, to: sink)
    require(action == .nothing && reader.pieces - before == pieces.count, "pieces")
    return pieces.count
  }
}

private func translation() -> Case {
  let translation = Translation()
  return Case(name: "SSE → event → filter → chunk, 16 a read", event: "event", bytes: translation.bytes) { translation.run() }
}

func allCases() -> [Case] {
  [
    requestParser(), bodyDecoder(), json(), sipHash(), sseDecoder(), eventDecoder(fully: false), eventDecoder(fully: true),
    chunkEncoder(), translation(),
  ]
}

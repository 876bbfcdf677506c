import Wire

/// The last requests, for tests that ask what a client really sent. A pure value.
struct RequestLog {
  private struct Entry {
    let method: String
    let target: String
    let fields: [(name: String, value: String)]
    let body: String
  }

  private var entries: [Entry] = []
  private let limit: Int
  private static let bodyBytes = 65536

  init(limit: Int) { self.limit = limit }

  mutating func add(_ head: HTTPRequestHead, _ body: ByteBuffer) {
    guard limit > 0, !head.path.hasPrefix("/_") else { return }
    if entries.count == limit { entries.removeFirst() }
    entries.append(
      Entry(
        method: head.method.text, target: head.query.map { "\(head.path)?\($0)" } ?? head.path, fields: head.headers.fields,
        body: String(decoding: body.bytes.prefix(Self.bodyBytes), as: UTF8.self)))
  }

  mutating func clear() { entries = [] }

  func write(to json: inout JSONWriter) {
    json.beginArray()
    for entry in entries {
      json.beginObject()
      json.member("method", entry.method)
      json.member("target", entry.target)
      json.key("headers")
      json.beginArray()
      for field in entry.fields {
        json.beginArray()
        json.string(field.name)
        json.string(field.value)
        json.endArray()
      }
      json.endArray()
      json.member("body", entry.body)
      json.endObject()
    }
    json.endArray()
  }
}

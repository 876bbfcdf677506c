import Wire

/// A file that came with a message: what it is, not what it holds.
struct Upload {
  let name: String
  /// By the first bytes; `unknown` where they tell nothing.
  let type: String
  let bytes: Int

  enum Failure: Error { case malformed(name: String), tooLarge(name: String) }

  /// Reads `{"name":…,"data":"data:…;base64,…"}`.
  init(_ value: JSONValue) throws(Failure) {
    let name = value["name"]?.string ?? ""
    guard let data = value["data"], data.kind == .string else { throw .malformed(name: name) }
    let parsed: (type: String, bytes: Int)?
    if data.isPlainString {
      parsed = Self.inspect(UnsafeRawBufferPointer(rebasing: data.raw.dropFirst().dropLast()))
    } else {
      let decoded = ByteBuffer()
      data.appendDecoded(to: decoded)
      parsed = Self.inspect(decoded.bytes)
    }
    guard let parsed else { throw .malformed(name: name) }
    guard parsed.bytes <= UploadLimits.megabytes << 20 else { throw .tooLarge(name: name) }
    (self.name, type, bytes) = (name, parsed.type, parsed.bytes)
  }

  private static func inspect(_ url: UnsafeRawBufferPointer) -> (type: String, bytes: Int)? {
    guard url.starts(with: "data:".utf8), let comma = url.prefix(256).firstIndex(of: UInt8(ascii: ",")) else { return nil }
    guard String(decoding: url[..<comma], as: UTF8.self).hasSuffix(";base64") else { return nil }
    let payload = UnsafeRawBufferPointer(rebasing: url[(comma + 1)...])
    guard let count = Base64.decodedCount(payload), count > 0 else { return nil }
    return (sniff(Base64.decodePrefix(payload, limit: 16)), count)
  }

  private static func sniff(_ head: [UInt8]) -> String {
    func begins(_ bytes: [UInt8], at offset: Int = 0) -> Bool { head.dropFirst(offset).starts(with: bytes) }
    if begins([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return "image/png" }
    if begins([0xFF, 0xD8, 0xFF]) { return "image/jpeg" }
    if begins(Array("GIF8".utf8)) { return "image/gif" }
    if begins(Array("RIFF".utf8)) && begins(Array("WEBP".utf8), at: 8) { return "image/webp" }
    if begins(Array("BM".utf8)) { return "image/bmp" }
    if begins(Array("%PDF".utf8)) { return "application/pdf" }
    return "unknown"
  }
}

/// The body of a completion.
struct CompletionRequest {
  let text: String
  let sessionID: Int
  let files: [Upload]
  let thinking: Bool

  /// Why a body is refused, in the service's words.
  struct Refusal: Error { let message: String }

  init(_ body: UnsafeRawBufferPointer) throws(Refusal) {
    let root: JSONValue
    let document: JSONDocument
    do {
      document = try JSONDocument(parsing: body)
      root = document.root
    } catch { throw Refusal(message: "参数错误: \(error)") }
    guard let text = root["text"]?.string else { throw Refusal(message: "参数错误: text") }
    guard let id = root["sessionId"], id.kind == .number, let sessionID = id.int else { throw Refusal(message: "参数错误: sessionId") }
    var files: [Upload] = []
    for file in root["files"]?.elements ?? [] {
      do {
        files.append(try Upload(file))
      } catch {
        switch error {
        case .malformed(let name): throw Refusal(message: "文件格式错误: \(name)")
        case .tooLarge(let name): throw Refusal(message: "文件过大: \(name)")
        }
      }
    }
    guard files.count <= UploadLimits.files else { throw Refusal(message: "文件数量超出限制: \(files.count)") }
    guard !text.isEmpty || !files.isEmpty else { throw Refusal(message: "内容不能为空") }
    (self.text, self.sessionID, self.files) = (text, sessionID, files)
    thinking = root["thinking"]?.bool ?? false
  }
}

import Wire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Keeps tokens over a restart: one JSON object, account → token, readable by the owner alone, replaced whole.
struct TokenFile {
  let path: String

  struct Failure: Error {
    let reason: String

    init(_ call: String) { reason = "\(call): \(String(cString: strerror(errno)))" }
    init(reason: String) { self.reason = reason }
  }

  /// Nothing where there is no such file yet.
  func read() throws(Failure) -> [String: String] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return [:] }
      throw Failure("open")
    }
    defer { close(descriptor) }
    let content = ByteBuffer()
    while true {
      let room = content.reserve(4096)
      #if canImport(Glibc)
        let count = Glibc.read(descriptor, room.baseAddress, room.count)
      #else
        let count = Musl.read(descriptor, room.baseAddress, room.count)
      #endif
      guard count >= 0 else { throw Failure("read") }
      if count == 0 { break }
      content.commit(count)
      guard content.count < 16_777_216 else { throw Failure(reason: "too large to be a token file") }
    }
    do throws(JSONError) {
      let root = try JSONDocument(parsing: content.bytes).root
      var tokens: [String: String] = [:]
      for (key, value) in root.members { if let name = key.string, let token = value.string { tokens[name] = token } }
      return tokens
    } catch {
      throw Failure(reason: "not valid JSON: \(error)")
    }
  }

  func write(_ tokens: [String: String]) throws(Failure) {
    let content = ByteBuffer()
    var writer = JSONWriter(content)
    writer.beginObject()
    for (name, token) in tokens.sorted(by: { $0.key < $1.key }) {
      writer.key(name)
      writer.string(token)
    }
    writer.endObject()
    let temporary = path + ".new"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw Failure("open") }
    defer { close(descriptor) }
    // An older file of the name may have had another mode.
    guard fchmod(descriptor, 0o600) == 0 else { throw Failure("fchmod") }
    var rest = content.bytes
    while rest.count > 0 {
      #if canImport(Glibc)
        let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
      #else
        let count = Musl.write(descriptor, rest.baseAddress, rest.count)
      #endif
      guard count > 0 else { throw Failure("write") }
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
    guard fsync(descriptor) == 0 else { throw Failure("fsync") }
    guard rename(temporary, path) == 0 else { throw Failure("rename") }
  }
}

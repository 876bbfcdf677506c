import Foundation

/// A plain blocking socket. What does not come within ten seconds ends a read with nothing.
final class TestClient {
  struct Failure: Error { let call: String, code: Int32 }

  struct Response {
    var status = 0
    var fields: [String: String] = [:]
    var body = ""
    /// Sizes of the chunks of a chunked body, without the last.
    var chunks: [Int] = []
    /// Whether the body's end came.
    var isComplete = false
  }

  private var descriptor: Int32
  private var buffer: [UInt8] = []
  private(set) var hasEnded = false
  /// The code of the error that ended reading; ECONNRESET for a reset.
  private(set) var error: Int32 = 0

  /// `receiveBuffer`: bytes of the kernel's buffer, for a client that reads slowly.
  init(_ port: Int, receiveBuffer: Int32? = nil) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw Failure(call: "socket", code: errno) }
    var time = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    if var receiveBuffer { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<Int32>.size)) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
    guard code == 0 else { throw Failure(call: "connect", code: errno) }
  }

  deinit { close() }

  func close() {
    if descriptor >= 0 { _ = Foundation.close(descriptor) }
    descriptor = -1
  }

  /// Closes with RST.
  func reset() {
    var option = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    close()
  }

  func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// - Returns: how many bytes could be sent.
  @discardableResult func send(_ text: String) -> Int { send(Array(text.utf8)) }

  @discardableResult func send(_ bytes: [UInt8]) -> Int {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes { Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { return sent }
      sent += count
    }
    return sent
  }

  /// One read.
  @discardableResult func receive(_ limit: Int = 65536) -> Int {
    var bytes = [UInt8](repeating: 0, count: limit)
    let count = recv(descriptor, &bytes, limit, 0)
    if count > 0 { buffer.append(contentsOf: bytes[..<count]) } else { hasEnded = true }
    if count < 0 { error = errno }
    return max(count, 0)
  }

  /// Everything until the server ends the connection.
  func readToEnd() -> String {
    while !hasEnded { receive() }
    defer { buffer = [] }
    return String(decoding: buffer, as: UTF8.self)
  }

  /// Everything up to and including `text`, or to the end.
  func read(until text: String) -> String {
    let wanted = Array(text.utf8)
    while true {
      if let end = position(of: wanted) { return take(end + wanted.count) }
      if hasEnded { return take(buffer.count) }
      receive()
    }
  }

  /// The next response; `isHead`: it has no body.
  func response(isHead: Bool = false) -> Response {
    var response = Response()
    let lines = read(until: "\r\n\r\n").components(separatedBy: "\r\n")
    response.status = Int(lines[0].split(separator: " ").dropFirst().first ?? "") ?? 0
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      response.fields[String(line[..<colon])] = String(line[colon...].dropFirst(2))
    }
    if isHead || response.status == 100 || response.status == 204 || response.status == 0 {
      response.isComplete = response.status > 0
    } else if response.fields["transfer-encoding"] == "chunked" {
      readChunks(&response)
    } else if let length = response.fields["content-length"].flatMap({ Int($0) }) {
      while buffer.count < length && !hasEnded { receive() }
      response.isComplete = buffer.count >= length
      response.body = take(min(length, buffer.count))
    } else {
      response.body = readToEnd()
      response.isComplete = error == 0
    }
    return response
  }

  private func readChunks(_ response: inout Response) {
    while true {
      // CR LF is one Character.
      guard let size = Int(read(until: "\r\n").dropLast(), radix: 16) else { return }
      while buffer.count < size + 2 && !hasEnded { receive() }
      guard buffer.count >= size + 2 else { return }
      let data = take(size)
      guard take(2) == "\r\n" else { return }
      if size == 0 {
        response.isComplete = true
        return
      }
      response.chunks.append(size)
      response.body += data
    }
  }

  private func position(of wanted: [UInt8]) -> Int? {
    guard buffer.count >= wanted.count else { return nil }
    return (0...(buffer.count - wanted.count)).first { buffer[$0..<($0 + wanted.count)].elementsEqual(wanted) }
  }

  private func take(_ count: Int) -> String {
    defer { buffer.removeFirst(count) }
    return String(decoding: buffer[..<count], as: UTF8.self)
  }
}

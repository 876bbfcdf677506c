import Glibc
import Testing

/// A listening socket whose backlog is full, so that the kernel drops further SYNs, which are sent again after a second.
final class FullListener {
  private let listener: Int32
  private var fillers: [Int32] = []
  private var accepted: [Int32] = []
  let port: UInt16
  /// A client's end.
  var filler: Int32 { fillers[0] }

  /// `port` 0: any.
  init(port: Int) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var (length, on) = (socklen_t(MemoryLayout<sockaddr_in>.size), Int32(1))
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
    var fillers: [Int32] = []
    let isListening = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        guard bind(listener, address, length) == 0, listen(listener, 0) == 0, getsockname(listener, address, &length) == 0 else {
          return false
        }
        for _ in 0..<4 {
          let filler = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
          _ = connect(filler, address, length)
          fillers.append(filler)
        }
        return true
      }
    }
    try #require(isListening)
    (self.listener, self.fillers, self.port) = (listener, fillers, UInt16(bigEndian: address.sin_port))
  }

  /// Takes whoever is there, and gives whoever has sent something this answer.
  func answer(_ text: String) {
    while case let descriptor = accept(listener, nil, nil), descriptor >= 0 { accepted.append(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1024)
    for descriptor in accepted where recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT)) > 0 {
      #expect(write(descriptor, text, text.utf8.count) == text.utf8.count)
    }
  }

  func close() { for descriptor in accepted + fillers + [listener] { Glibc.close(descriptor) } }
}

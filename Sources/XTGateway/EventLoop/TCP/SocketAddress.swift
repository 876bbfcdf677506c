import CUV

/// An IPv4 or IPv6 address with a port.
struct SocketAddress {
  var storage = sockaddr_storage()

  /// To be filled by a system call.
  init() {}

  /// `host`: an address, or `localhost`; other names are refused with EINVAL, as nothing is resolved here.
  init(host: String, port: Int) throws(UVError) {
    guard let port = Int32(exactly: port), (0...65535).contains(port) else { throw UVError(UV_EINVAL) }
    let host = host == "localhost" ? "127.0.0.1" : host
    let code = withUnsafeMutablePointer(to: &storage) { storage in
      let v4 = storage.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { uv_ip4_addr(host, port, $0) }
      if v4 == 0 { return v4 }
      return storage.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { uv_ip6_addr(host, port, $0) }
    }
    try UVError.check(code)
  }

  func withPointer<R>(_ body: (UnsafePointer<sockaddr>) -> R) -> R {
    withUnsafePointer(to: storage) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0) } }
  }

  /// The address without the port; IPv4 in its plain form where it came mapped into IPv6.
  var text: String {
    if Int32(storage.ss_family) == AF_INET { return v4Text }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { memory in
      let code = withPointer { cuv_address_text($0, memory.baseAddress!, memory.count) }
      return code == 0 ? String(cString: memory.baseAddress!) : ""
    }
  }

  /// Of an IPv4 address, the commonest by far, without libuv's `snprintf`: every connection has its peer's made into a text.
  private var v4Text: String {
    let address = withPointer {
      $0.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { UInt32(bigEndian: $0.pointee.sin_addr.s_addr) }
    }
    return String(unsafeUninitializedCapacity: 15) { text in
      var count = 0
      for shift in stride(from: 24, through: 0, by: -8) {
        let octet = UInt8(truncatingIfNeeded: address >> UInt32(shift))
        if octet >= 100 { Self.put(UInt8(ascii: "0") + octet / 100, in: text, &count) }
        if octet >= 10 { Self.put(UInt8(ascii: "0") + octet / 10 % 10, in: text, &count) }
        Self.put(UInt8(ascii: "0") + octet % 10, in: text, &count)
        if shift > 0 { Self.put(UInt8(ascii: "."), in: text, &count) }
      }
      return count
    }
  }

  private static func put(_ byte: UInt8, in text: UnsafeMutableBufferPointer<UInt8>, _ count: inout Int) {
    text[count] = byte
    count += 1
  }
}

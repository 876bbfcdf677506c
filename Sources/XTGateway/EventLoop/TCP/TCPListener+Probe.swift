import CUV

extension TCPListener {
  /// Throws where somebody listens on the address already. Sockets that share a port (SO_REUSEPORT) would never be told, since
  /// the kernel lets any process of the same user join them.
  public static func probe(host: String, port: Int) throws(UVError) {
    let address = try SocketAddress(host: host, port: port)
    try UVError.check(address.withPointer { cuv_probe_address($0) })
  }
}

import CCurl

/// The address that libcurl connected to last without TLS. For a while more connections to the same origin are made to it without
/// libcurl, which takes a tenth of the instructions and half of the system calls. Where that fails, libcurl makes the connection, with
/// every address of the host.
struct KnownAddress {
  /// Milliseconds. libcurl keeps what a name was resolved to for a minute, so an address is used for a minute and a half at most.
  static let lifetime: UInt64 = 30_000

  private let origin: String
  private let address: ccurl_address
  private let end: UInt64

  /// Nil if the connection is gone already. It must lead to the host itself, not to a proxy.
  init?(behind descriptor: Int32, of origin: HTTPBaseURL.Parts, now: UInt64) {
    var address = ccurl_address()
    guard ccurl_peer_address(descriptor, &address) == 0 else { return nil }
    (self.origin, self.address, end) = (origin.origin, address, now + Self.lifetime)
  }

  /// A socket that is being connected, which the caller has to close. Nil for other origins, after the time, and where it failed at once.
  func connect(to origin: HTTPBaseURL.Parts, now: UInt64) -> Int32? {
    guard now < end, origin.origin == self.origin else { return nil }
    let descriptor = withUnsafePointer(to: address) { ccurl_connect($0) }
    return descriptor >= 0 ? descriptor : nil
  }
}

import Wire

/// The address of who asks: the peer's, or, where the peer is a trusted proxy, the right-most one in `X-Forwarded-For` that is not
/// trusted. Each proxy appends whom it has its request from, so what stands to the left of that one anybody may have written.
///
/// Whatever the header holds, the result is an address in its usual form, or what the kernel said.
func clientAddress(of peer: String, _ headers: HTTPHeaders?, trusted: [IPNetwork]) -> String {
  guard !trusted.isEmpty, let headers, var nearest = IPAddress(peer) else { return peer }
  for element in headers.all("x-forwarded-for").joined(separator: ",").split(separator: ",", omittingEmptySubsequences: false)
    .reversed()
  {
    guard trusted.contains(where: { $0.contains(nearest) }) else { break }
    // A trusted proxy that does not say whom it had the request from is the last that is known.
    guard let address = forwardedAddress(element) else { break }
    nearest = address
  }
  return nearest.description
}

/// `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]`, and the first and last with a port, as some proxies write it.
private func forwardedAddress(_ element: Substring) -> IPAddress? {
  let text = element.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed()
  let plain = String(text)
  if let address = IPAddress(plain) { return address }
  guard let listen = ListenAddress(plain) else {
    return plain.hasPrefix("[") && plain.hasSuffix("]") ? IPAddress(plain.dropFirst().dropLast()) : nil
  }
  return IPAddress(listen.host)
}

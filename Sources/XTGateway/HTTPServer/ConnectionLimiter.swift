import EventLoop
import Wire

/// Counts client connections, in all and by address, and says which are too many. Several servers, each on a thread of its own, may
/// share one: its lock is held for a look into a table, once when a connection begins and once when it ends.
public final class ConnectionLimiter: Sendable {
  private struct Counts: Sendable {
    var all = 0
    var byAddress: [IPAddress: Int] = [:]
  }

  private let maxConnections: Int
  private let maxPerAddress: Int
  private let exempt: [IPNetwork]
  private let counts = Locked(Counts())

  public init(_ configuration: HTTPServerConfiguration) {
    maxConnections = configuration.maxConnections
    maxPerAddress = configuration.maxConnectionsPerAddress
    exempt = configuration.trustedProxies
  }

  /// Counts a connection from `peer`, unless it is one too many. Nil: it is counted, and `leave` is owed.
  func enter(_ peer: String) -> HTTPProblem? {
    let address = counted(peer)
    return counts.withLock { counts in
      guard counts.all < maxConnections else { return .tooManyConnections }
      if let address {
        guard counts.byAddress[address, default: 0] < maxPerAddress else { return .tooManyConnectionsFromAddress }
        counts.byAddress[address, default: 0] += 1
      }
      counts.all += 1
      return nil
    }
  }

  func leave(_ peer: String) {
    let address = counted(peer)
    counts.withLock { counts in
      counts.all -= 1
      guard let address, let count = counts.byAddress[address] else { return }
      counts.byAddress[address] = count > 1 ? count - 1 : nil
    }
  }

  public var count: Int { counts.withLock { $0.all } }

  /// How many addresses have connections; 0 as long as these are not limited.
  var addressCount: Int { counts.withLock { $0.byAddress.count } }

  /// What stands for one client: an IPv4 address, or the first 64 bits of an IPv6 address, since a single IPv6 host has all addresses
  /// of such a network to choose from (RFC 4291, section 2.5.1). Nil: not limited.
  private func counted(_ peer: String) -> IPAddress? {
    guard maxPerAddress > 0, let address = IPAddress(peer), !exempt.contains(where: { $0.contains(address) }) else { return nil }
    return address.isV4 ? address : address.prefix(64)
  }
}

import Foundation
import Testing
import Wire

@testable import HTTPServer

@Suite("Connection limiter") struct ConnectionLimiterTests {
  private func limiter(_ all: Int = 100, perAddress: Int, trusted: [String] = []) throws -> ConnectionLimiter {
    var configuration = HTTPServerConfiguration()
    configuration.maxConnections = all
    configuration.maxConnectionsPerAddress = perAddress
    configuration.trustedProxies = try trusted.map { try #require(IPNetwork($0)) }
    return ConnectionLimiter(configuration)
  }

  @Test func inAll() throws {
    let limiter = try limiter(2, perAddress: 0)
    #expect(limiter.enter("192.0.2.1") == nil)
    #expect(limiter.enter("192.0.2.2") == nil)
    #expect(limiter.enter("192.0.2.3") == .tooManyConnections)
    limiter.leave("192.0.2.1")
    #expect(limiter.enter("192.0.2.3") == nil)
    #expect(limiter.count == 2)
    #expect(limiter.addressCount == 0)
  }

  @Test func ofOneAddress() throws {
    let limiter = try limiter(5, perAddress: 2)
    for _ in 0..<2 { #expect(limiter.enter("192.0.2.1") == nil) }
    #expect(limiter.enter("192.0.2.1") == .tooManyConnectionsFromAddress)
    // Another's are not concerned, and what was refused does not count.
    for _ in 0..<2 { #expect(limiter.enter("192.0.2.2") == nil) }
    limiter.leave("192.0.2.1")
    #expect(limiter.enter("192.0.2.1") == nil)
    #expect(limiter.enter("192.0.2.1") == .tooManyConnectionsFromAddress)
    #expect(limiter.enter("192.0.2.3") == nil)
    #expect(limiter.enter("192.0.2.4") == .tooManyConnections)
    for peer in ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.3"] { limiter.leave(peer) }
    #expect(limiter.count == 0)
    #expect(limiter.addressCount == 0)
  }

  @Test func mappedIPv4IsIPv4AndAnIPv6HostHasANetwork() throws {
    let limiter = try limiter(perAddress: 1)
    #expect(limiter.enter("192.0.2.1") == nil)
    #expect(limiter.enter("::ffff:192.0.2.1") == .tooManyConnectionsFromAddress)
    #expect(limiter.enter("2001:db8::1") == nil)
    #expect(limiter.enter("2001:db8::ffff:0:0:2") == .tooManyConnectionsFromAddress)
    #expect(limiter.enter("2001:db8:0:1::1") == nil)
  }

  @Test func trustedProxiesSpeakForMany() throws {
    let limiter = try limiter(4, perAddress: 1, trusted: ["10.0.0.0/8", "::1"])
    for peer in ["10.1.2.3", "10.1.2.3", "::1"] { #expect(limiter.enter(peer) == nil) }
    #expect(limiter.addressCount == 0)
    #expect(limiter.enter("::1") == nil)
    // But the limit of all holds for them, too.
    #expect(limiter.enter("::1") == .tooManyConnections)
  }

  @Test func manyThreadsShareOne() async throws {
    let limiter = try limiter(1_000_000, perAddress: 50)
    let admitted = await withTaskGroup(of: Int.self) { group in
      for task in 0..<8 {
        group.addTask {
          var admitted = 0
          for turn in 0..<2000 {
            let peer = "192.0.2.\((task + turn) % 10)"
            guard limiter.enter(peer) == nil else { continue }
            if turn % 4 == 0 { admitted += 1 } else { limiter.leave(peer) }
          }
          return admitted
        }
      }
      return await group.reduce(0, +)
    }
    #expect(limiter.count == admitted)
    #expect(admitted <= 500)
    #expect(admitted > 0)
  }
}

/// An IPv4 or IPv6 address, as a value that can be compared. An IPv4 address that is mapped into IPv6 (RFC 4291, section 2.5.5.2) is the
/// IPv4 address.
public struct IPAddress: Hashable, Sendable {
  public let isV4: Bool
  /// Network byte order read as numbers; an IPv4 address is the last 32 bits of `low`.
  let high: UInt64
  let low: UInt64

  public init(v4 address: UInt32) {
    (isV4, high, low) = (true, 0, UInt64(address))
  }

  public init(high: UInt64, low: UInt64) {
    isV4 = high == 0 && low >> 32 == 0xFFFF
    (self.high, self.low) = (high, isV4 ? low & 0xFFFF_FFFF : low)
  }

  /// `192.0.2.1` (four decimal numbers without leading zeros, RFC 6943, section 3.1.1) or a text of RFC 4291, section 2.2. No zone, no port.
  public init?(_ text: some StringProtocol) {
    let bytes = Array(text.utf8)
    // The longest: eight groups, the last two of them as IPv4.
    guard bytes.count <= 45 else { return nil }
    if bytes.contains(UInt8(ascii: ":")) {
      guard let (high, low) = Self.v6(bytes) else { return nil }
      self.init(high: high, low: low)
    } else {
      guard let address = Self.v4(bytes[...]) else { return nil }
      self.init(v4: address)
    }
  }

  /// The bits that are compared: 32 or 128.
  public var bitCount: Int { isV4 ? 32 : 128 }

  /// The first `count` bits, the others zero; `count` up to `bitCount`.
  public func prefix(_ count: Int) -> IPAddress {
    if isV4 { return IPAddress(v4: UInt32(low) & ~(UInt32.max >> count)) }
    let highMask = ~(UInt64.max >> min(count, 64))
    let lowMask = ~(UInt64.max >> max(count - 64, 0))
    return IPAddress(plainHigh: high & highMask, low: low & lowMask)
  }

  /// Without looking for a mapped address: a prefix of an IPv6 address stays one.
  private init(plainHigh high: UInt64, low: UInt64) {
    (isV4, self.high, self.low) = (false, high, low)
  }

  // MARK: Reading

  private static func v4(_ bytes: ArraySlice<UInt8>) -> UInt32? {
    let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var address: UInt32 = 0
    for part in parts {
      guard (1...3).contains(part.count), part.first != UInt8(ascii: "0") || part.count == 1 else { return nil }
      var value: UInt32 = 0
      for byte in part {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        value = value * 10 + UInt32(byte - UInt8(ascii: "0"))
      }
      guard value <= 255 else { return nil }
      address = address << 8 | value
    }
    return address
  }

  private static func v6(_ bytes: [UInt8]) -> (high: UInt64, low: UInt64)? {
    var groups: [UInt16] = []
    var gap: Int?
    var rest = bytes[...]
    if rest.starts(with: "::".utf8) {
      gap = 0
      rest = rest.dropFirst(2)
    }
    while !rest.isEmpty {
      let end = rest.firstIndex(of: UInt8(ascii: ":")) ?? rest.endIndex
      if end == rest.endIndex, rest.contains(UInt8(ascii: ".")) {
        guard let address = v4(rest) else { return nil }
        groups += [UInt16(address >> 16), UInt16(truncatingIfNeeded: address)]
        break
      }
      guard let group = group(rest[..<end]) else { return nil }
      groups.append(group)
      rest = rest[end...].dropFirst()
      guard end < bytes.endIndex else { break }
      if rest.first == UInt8(ascii: ":") {
        guard gap == nil else { return nil }
        gap = groups.count
        rest = rest.dropFirst()
      } else if rest.isEmpty {
        return nil
      }
    }
    return spread(groups, gap: gap)
  }

  private static func group(_ digits: ArraySlice<UInt8>) -> UInt16? {
    guard (1...4).contains(digits.count) else { return nil }
    var value: UInt16 = 0
    for byte in digits {
      guard let digit = ASCII.hexadecimal(byte) else { return nil }
      value = value << 4 | UInt16(digit)
    }
    return value
  }

  /// Puts as many zero groups where `::` stood as are missing.
  private static func spread(_ groups: [UInt16], gap: Int?) -> (high: UInt64, low: UInt64)? {
    var all = groups
    if let gap {
      guard groups.count < 8 else { return nil }
      all.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
    }
    guard all.count == 8 else { return nil }
    let words = [all[..<4], all[4...]].map { $0.reduce(UInt64(0)) { $0 << 16 | UInt64($1) } }
    return (words[0], words[1])
  }
}

extension IPAddress: CustomStringConvertible {
  /// In the one form of RFC 5952.
  public var description: String {
    if isV4 { return [24, 16, 8, 0].map { String(low >> $0 & 0xFF) }.joined(separator: ".") }
    let groups = [high, low].flatMap { word in [48, 32, 16, 0].map { UInt16(truncatingIfNeeded: word >> $0) } }
    let gap = Self.longestGap(groups)
    let texts = groups.map { String($0, radix: 16) }
    guard gap.count > 1 else { return texts.joined(separator: ":") }
    return texts[..<gap.lowerBound].joined(separator: ":") + "::" + texts[gap.upperBound...].joined(separator: ":")
  }

  /// The first of the longest runs of zeros.
  private static func longestGap(_ groups: [UInt16]) -> Range<Int> {
    var longest = 0..<0
    var start = 0
    for index in groups.indices {
      if groups[index] != 0 { start = index + 1 } else if index + 1 - start > longest.count { longest = start..<(index + 1) }
    }
    return longest
  }
}

/// An address, or a network in CIDR notation (RFC 4632, section 3.1).
public struct IPNetwork: Hashable, Sendable, CustomStringConvertible {
  public let address: IPAddress
  public let bits: Int

  /// `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`. Bits behind the prefix are dropped.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = IPAddress(parts[0]) else { return nil }
    var bits = address.bitCount
    if parts.count == 2 {
      var length = String(parts[1])
      guard (1...3).contains(length.utf8.count), let count = length.withUTF8({ ASCII.decimal(UnsafeRawBufferPointer($0)) })
      else { return nil }
      // A mapped IPv4 network counts the 96 bits in front of it.
      bits = address.isV4 && parts[0].contains(":") ? count - 96 : count
      guard (0...address.bitCount).contains(bits) else { return nil }
    }
    (self.address, self.bits) = (address.prefix(bits), bits)
  }

  public func contains(_ other: IPAddress) -> Bool { other.isV4 == address.isV4 && other.prefix(bits) == address }

  public var description: String { bits == address.bitCount ? address.description : "\(address)/\(bits)" }
}

/// Ways to cut an input. They follow from the input alone, so that a seed is nothing but the bytes to be read, and a crash can be
/// repeated from its file.
public struct Splits {
  private var state: UInt64

  public init(for input: UnsafeRawBufferPointer) {
    // FNV-1a.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in input { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    state = hash
  }

  /// The next number of SplitMix64.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
    return word ^ word >> 31
  }

  public mutating func next(below bound: Int) -> Int { Int(next() % UInt64(bound)) }

  /// Lengths of parts that make up `count` bytes.
  public mutating func parts(of count: Int) -> [Int] {
    let longest = [1, 3, 16, 64, max(count, 1)][next(below: 5)]
    var parts: [Int] = []
    var left = count
    while left > 0 {
      let part = min(left, 1 + next(below: longest))
      parts.append(part)
      left -= part
    }
    return parts
  }
}

/// Calls `body` with each part of `input` in memory of exactly its size, which is spoilt and freed afterwards: reading beyond a part, or
/// keeping a pointer into it, shows under the address sanitizer. Ends early where `body` returns false.
public func forEachPart(
  _ parts: [Int], of input: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Bool
) {
  var start = 0
  for length in parts {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 1)
    copy.copyMemory(from: UnsafeRawBufferPointer(rebasing: input[start..<(start + length)]))
    let goesOn = body(UnsafeRawBufferPointer(copy))
    copy.initializeMemory(as: UInt8.self, repeating: 0xAA)
    copy.deallocate()
    guard goesOn else { return }
    start += length
  }
}

/// A broken promise: libFuzzer sees the trap as a crash and keeps the input.
public func require(_ condition: Bool, _ promise: @autoclosure () -> String) {
  guard !condition else { return }
  fatalError("broken: \(promise())")
}

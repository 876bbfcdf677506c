import CUV

/// Memory that the next event of a kind will touch, to be fetched into the cache while something else is waited for: a chunk of one
/// stream among thousands finds nothing of its own there.
///
/// Addresses only: nothing is kept alive, and one that has become invalid does no harm, since the processor ignores what it cannot fetch.
public struct PrefetchList {
  /// Address, and in the highest byte the number of cache lines; 0 for none. User space has no addresses that long.
  private var runs: (UInt, UInt, UInt, UInt, UInt, UInt) = (0, 0, 0, 0, 0, 0)

  /// Bytes that are fetched together, or more.
  private static let line: UInt = 64

  public init() {}

  /// The first `bytes` of an object's memory. Without effect on a full list.
  public mutating func add(_ object: AnyObject, bytes: Int) {
    add(UnsafeRawPointer(Unmanaged.passUnretained(object).toOpaque()), bytes: bytes)
  }

  /// Without effect on a full list.
  public mutating func add(_ start: UnsafeRawPointer, bytes: Int) {
    let run = Self.run(from: UInt(bitPattern: start), bytes: UInt(bytes))
    if runs.0 == 0 {
      runs.0 = run
    } else if runs.1 == 0 {
      runs.1 = run
    } else if runs.2 == 0 {
      runs.2 = run
    } else if runs.3 == 0 {
      runs.3 = run
    } else if runs.4 == 0 {
      runs.4 = run
    } else if runs.5 == 0 {
      runs.5 = run
    }
  }

  static func run(from start: UInt, bytes: UInt) -> UInt {
    let first = start & ~(line - 1)
    let lines = bytes == 0 ? 0 : (start + bytes - first + line - 1) / line
    return first | min(lines, 0x7F) << 56
  }

  @inline(__always) public func issue() {
    guard runs.0 != 0 else { return }
    Self.issue(runs.0)
    Self.issue(runs.1)
    Self.issue(runs.2)
    Self.issue(runs.3)
    Self.issue(runs.4)
    Self.issue(runs.5)
  }

  @inline(__always) private static func issue(_ run: UInt) { cuv_prefetch(run & (1 << 56 - 1), run >> 56) }
}

import CUV

/// A libuv error code and its words ("EADDRINUSE: address already in use").
public struct UVError: Error, Equatable, Sendable, CustomStringConvertible {
  public let code: Int32
  public init(code: Int32) { self.code = code }
  public init(_ code: uv_errno_t) { self.code = code.rawValue }

  public var name: String { text(uv_err_name_r) }
  public var description: String { "\(name): \(text(uv_strerror_r))" }

  /// The variants that write into the caller's memory: the others leak for a code that libuv does not know.
  private func text(_ function: (Int32, UnsafeMutablePointer<CChar>?, Int) -> UnsafeMutablePointer<CChar>?) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { memory in
      guard let text = function(code, memory.baseAddress, memory.count) else { return "error \(code)" }
      return String(cString: text)
    }
  }
}

extension UVError {
  static func check(_ code: Int32) throws(UVError) {
    if code < 0 { throw UVError(code: code) }
  }

  /// For calls that fail only through a mistake in this program.
  static func mustSucceed(_ code: Int32, _ call: StaticString) {
    precondition(code >= 0, "\(call): \(UVError(code: code))")
  }
}

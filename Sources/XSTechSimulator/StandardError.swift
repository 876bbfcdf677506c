#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Standard error as a target of `print`.
struct StandardError: TextOutputStream {
  func write(_ text: String) {
    var text = text
    // Nothing can be said about a standard error that takes nothing.
    text.withUTF8 { bytes in _ = sendBytes(bytes) }
  }

  private func sendBytes(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    #if canImport(Glibc)
      Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
    #else
      Musl.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
    #endif
  }
}

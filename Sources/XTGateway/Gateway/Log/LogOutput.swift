#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

public struct LogFileError: Error {
  public let path: String
  /// errno's words.
  public let reason: String
}

/// The descriptor that lines are written to: standard error, or a file. Blocks; one thread opens, uses and closes
/// it, and it may be open for that one alone.
struct LogOutput: Sendable {
  /// Whole lines up to this many bytes are written at once: a pipe that other processes write to as well keeps them whole
  /// (POSIX, write(): `PIPE_BUF`).
  private static let sliceBytes = 4096
  private static let lineEnd: [UInt8] = [UInt8(ascii: "\n")]

  /// Empty: standard error.
  private let path: String
  private var descriptor: Int32
  /// The last line was written in part.
  private var isTorn = false

  /// - Throws: where the file cannot be opened.
  init(path: String) throws(LogFileError) {
    self.path = path
    descriptor = path.isEmpty ? STDERR_FILENO : try Self.openFile(path)
  }

  var isTerminal: Bool { isatty(descriptor) == 1 }

  func finish() { if !path.isEmpty { close(descriptor) } }

  /// Opens the file again, which a rotation has moved away. Where that fails the old one stays in use.
  mutating func reopen() -> LogWriter.Notice {
    guard !path.isEmpty else { return .nothingToReopen }
    do throws(LogFileError) {
      let new = try Self.openFile(path)
      close(descriptor)
      (descriptor, isTorn) = (new, false)
      return .reopened(path: path)
    } catch { return .cannotReopen(error) }
  }

  /// Writes lines.
  /// - Parameter done: called with the bytes that are done with, written or not.
  /// - Returns: how many lines are missing, in whole or in part.
  mutating func put(_ lines: [UInt8], done: (Int) -> Void = { _ in }) -> Int {
    lines.withUnsafeBytes { lines in
      var rest = lines
      while rest.count > 0 {
        let slice = UnsafeRawBufferPointer(rebasing: rest[..<Self.sliceEnd(rest)])
        if isTorn { isTorn = Self.lineEnd.withUnsafeBytes(writeAll) > 0 }
        let unwritten = isTorn ? slice.count : writeAll(slice)
        guard unwritten == 0 else {
          // What the slice lacks, and all behind it: a full disk takes no more for now.
          let missing = UnsafeRawBufferPointer(rebasing: rest[(slice.count - unwritten)...])
          isTorn = isTorn || (unwritten < slice.count && lines[lines.count - missing.count - 1] != UInt8(ascii: "\n"))
          done(rest.count)
          return missing.count { $0 == UInt8(ascii: "\n") }
        }
        done(slice.count)
        rest = UnsafeRawBufferPointer(rebasing: rest[slice.count...])
      }
      return 0
    }
  }

  /// The end of as many whole lines as fit in a slice; of one line, if it is longer.
  private static func sliceEnd(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard bytes.count > sliceBytes else { return bytes.count }
    if let last = bytes[..<sliceBytes].lastIndex(of: UInt8(ascii: "\n")) { return last + 1 }
    return bytes.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? bytes.count
  }

  /// - Returns: how many bytes could not be written.
  private func writeAll(_ bytes: UnsafeRawBufferPointer) -> Int {
    var rest = bytes
    while rest.count > 0 {
      let count = write(descriptor, rest.baseAddress, rest.count)
      if count > 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      } else if count < 0 && errno == EAGAIN {
        // Somebody else made the shared descriptor non-blocking.
        var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&wait, 1, -1)
      } else if count == 0 || errno != EINTR {
        break
      }
    }
    return rest.count
  }

  private static func openFile(_ path: String) throws(LogFileError) -> Int32 {
    let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
    guard descriptor >= 0 else { throw LogFileError(path: path, reason: String(cString: strerror(errno))) }
    return descriptor
  }
}

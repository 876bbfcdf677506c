import EventLoop
import Gateway

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Exit codes, as sysexits.h has them.
enum ExitStatus {
  static let success: Int32 = 0
  static let unhealthy: Int32 = 1
  static let wrongUsage: Int32 = 64
  static let cannotListen: Int32 = 69
  static let softwareError: Int32 = 70
  static let invalidConfiguration: Int32 = 78
}

/// One line on standard error, for people who start the program; everything later goes to the log.
func printError(_ line: String) {
  let text = Array("xtgateway: \(line)\n".utf8)
  // Where standard error is closed, nobody is there to be told.
  _ = write(STDERR_FILENO, text, text.count)
}

/// Loads the effective configuration; prints every mistake and returns nil if there is one.
func loadConfiguration(_ path: String?) -> Configuration? {
  let environment: [(name: String, value: String)]
  do throws(UVError) { environment = try ProcessEnvironment.all() } catch {
    printError("cannot read the environment: \(error)")
    return nil
  }
  let file: (name: String, bytes: [UInt8])?
  do throws(FileError) {
    file = try findFile(path ?? environment.first { $0.name == "XTGATEWAY_CONFIG" && !$0.value.isEmpty }?.value)
  } catch {
    printError("cannot read the configuration \(error.path): \(error.reason)")
    return nil
  }
  do throws(ConfigurationErrors) {
    return try ConfigurationLoader.load(file: file, environment: environment)
  } catch {
    for mistake in error.mistakes { printError("invalid configuration: \(mistake)") }
    return nil
  }
}

struct FileError: Error {
  let path: String
  let reason: String
  var isMissing = false
}

/// A file that was asked for must be there; the usual places may be empty.
private func findFile(_ path: String?) throws(FileError) -> (name: String, bytes: [UInt8])? {
  if let path { return (path, try readFile(path)) }
  for usual in ["config/config.json", "config.json"] {
    do throws(FileError) { return (usual, try readFile(usual)) } catch { if !error.isMissing { throw error } }
  }
  return nil
}

private func readFile(_ path: String) throws(FileError) -> [UInt8] {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw FileError(path: path, reason: String(cString: strerror(errno)), isMissing: errno == ENOENT) }
  defer { close(descriptor) }
  var content: [UInt8] = []
  var piece = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = read(descriptor, &piece, piece.count)
    if count < 0 && errno == EINTR { continue }
    guard count >= 0 else { throw FileError(path: path, reason: String(cString: strerror(errno))) }
    if count == 0 { return content }
    content.append(contentsOf: piece[..<count])
  }
}

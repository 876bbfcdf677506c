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

/// Loads the effective configuration; complains about every mistake and returns nil if there is one.
func loadConfiguration(_ path: String?, complain: (String) -> Void = printError) -> Configuration? {
  let environment: [(name: String, value: String)]
  do throws(UVError) { environment = try ProcessEnvironment.all() } catch {
    complain("cannot read the environment: \(error)")
    return nil
  }
  let file: File?
  do throws(FileError) {
    file = try findFile(path ?? environment.first { $0.name == "XTGATEWAY_CONFIG" && !$0.value.isEmpty }?.value)
  } catch {
    complain("cannot read the configuration \(error.path): \(error.reason)")
    return nil
  }
  do throws(ConfigurationErrors) {
    var configuration = try ConfigurationLoader.load(file: file.map { ($0.name, $0.bytes) }, environment: environment)
    configuration.warnings += permissionWarnings(configuration, file)
    return configuration
  } catch {
    for mistake in error.mistakes { complain("invalid configuration: \(mistake)") }
    return nil
  }
}

struct FileError: Error {
  let path: String
  let reason: String
  var isMissing = false
}

private struct File {
  let name: String
  let bytes: [UInt8]
  let mode: mode_t
}

/// Secrets that others on the machine can read.
private func permissionWarnings(_ configuration: Configuration, _ file: File?) -> [String] {
  var warnings: [String] = []
  if let file, configuration.fileHoldsSecrets, isReadableByOthers(file.mode) {
    warnings.append("\(file.name) holds secrets and can be read by others: chmod 600 \(file.name)")
  }
  let tokens = configuration.pool.tokenFile
  var status = stat()
  if !tokens.isEmpty, stat(tokens, &status) == 0, isReadableByOthers(status.st_mode) {
    warnings.append("pool.token_file: \(tokens) holds secrets and can be read by others: chmod 600 \(tokens)")
  }
  return warnings
}

private func isReadableByOthers(_ mode: mode_t) -> Bool { mode & (S_IRGRP | S_IROTH) != 0 }

/// A file that was asked for must be there; the usual places may be empty.
private func findFile(_ path: String?) throws(FileError) -> File? {
  if let path { return try readFile(path) }
  for usual in ["config/config.json", "config.json"] {
    do throws(FileError) { return try readFile(usual) } catch { if !error.isMissing { throw error } }
  }
  return nil
}

private func readFile(_ path: String) throws(FileError) -> File {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw FileError(path: path, reason: String(cString: strerror(errno)), isMissing: errno == ENOENT) }
  defer { close(descriptor) }
  var status = stat()
  guard fstat(descriptor, &status) == 0 else { throw FileError(path: path, reason: String(cString: strerror(errno))) }
  var content: [UInt8] = []
  var piece = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = read(descriptor, &piece, piece.count)
    if count < 0 && errno == EINTR { continue }
    guard count >= 0 else { throw FileError(path: path, reason: String(cString: strerror(errno))) }
    if count == 0 { return File(name: path, bytes: content, mode: status.st_mode) }
    content.append(contentsOf: piece[..<count])
  }
}

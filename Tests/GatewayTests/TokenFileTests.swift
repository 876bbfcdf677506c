import Foundation
import Testing

@testable import Gateway

@Suite("The file of tokens") struct TokenFileTests {
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tokens-\(UUID().uuidString)")
  private var path: String { folder.appendingPathComponent("tokens.json").path }

  init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

  private func inFolder(_ body: () throws -> Void) rethrows {
    defer { try? FileManager.default.removeItem(at: folder) }
    try body()
  }

  private func mode(_ path: String) throws -> Int {
    try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
  }

  @Test func whatIsWrittenIsRead() throws {
    try inFolder {
      let tokens = ["a": "t-1", "b \"quoted\"": "é\u{1}🎉", "": ""]
      let file = TokenFile(path: path)
      #expect(try file.read().isEmpty)
      try file.write(tokens)
      #expect(try file.read() == tokens)
      #expect(try foundationObject(String(contentsOfFile: path, encoding: .utf8)) as? [String: String] == tokens)
      try file.write([:])
      #expect(try file.read().isEmpty)
    }
  }

  @Test func nobodyElseMayReadIt() throws {
    try inFolder {
      // What an earlier write, broken off, may have left behind.
      for name in [path, path + ".new"] {
        FileManager.default.createFile(atPath: name, contents: Data("old".utf8), attributes: [.posixPermissions: 0o644])
      }
      try TokenFile(path: path).write(["a": "t"])
      #expect(try mode(path) == 0o600)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["tokens.json"])
    }
  }

  /// A failing write leaves the tokens that were there; a link in the new file's place is not followed.
  @Test func aFailureLosesNothing() throws {
    try inFolder {
      let file = TokenFile(path: path)
      try file.write(["a": "t"])
      let other = folder.appendingPathComponent("other").path
      FileManager.default.createFile(atPath: other, contents: Data("untouched".utf8))
      try FileManager.default.createSymbolicLink(atPath: path + ".new", withDestinationPath: other)
      #expect(throws: TokenFile.Failure.self) { try file.write(["a": "u"]) }
      #expect(try file.read() == ["a": "t"])
      #expect(try String(contentsOfFile: other, encoding: .utf8) == "untouched")
      #expect(throws: TokenFile.Failure.self) { try TokenFile(path: folder.path + "/no/such/folder").write([:]) }
    }
  }

  @Test(arguments: ["", "{", "nonsense", "{\"a\":\"b\"} tail", "{\"a\":\"\\ud800\"x}"]) func malformed(_ text: String) throws {
    try inFolder {
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      #expect(throws: TokenFile.Failure.self) { try TokenFile(path: path).read() }
    }
  }

  @Test(arguments: ["[]", "null", "3", "{\"a\":1,\"b\":null,\"c\":{\"d\":\"e\"}}"]) func validButWithoutTokens(_ text: String)
    throws
  {
    try inFolder {
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      #expect(try TokenFile(path: path).read().isEmpty)
    }
  }

  @Test func aFolderInItsPlace() throws {
    try inFolder { #expect(throws: TokenFile.Failure.self) { try TokenFile(path: folder.path).read() } }
  }
}

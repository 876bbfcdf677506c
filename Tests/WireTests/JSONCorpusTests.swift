import Testing

@testable import Wire

@Suite("JSONTestSuite", .enabled(if: Corpora.has("JSONTestSuite/test_parsing")))
struct JSONCorpusTests {
  private let folder = "JSONTestSuite/test_parsing"

  private func isAccepted(_ name: String, maxDepth: Int = 64) throws -> Bool {
    // A copy of exactly this length, so that reading beyond it is reading foreign memory.
    let bytes = try Corpora.read("\(folder)/\(name)")
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: bytes)
    do {
      let root = try JSONDocument(parsing: UnsafeRawBufferPointer(copy), maxDepth: maxDepth).root
      visit(root)
      return true
    } catch {
      #expect(0...bytes.count ~= error.offset, "\(name): \(error)")
      return false
    }
  }

  private func visit(_ value: JSONValue) {
    _ = (value.kind, value.raw.count, value.string, value.double, value.int, value.bool)
    for element in value.elements { visit(element) }
    for (key, member) in value.members {
      #expect(key.string != nil)
      visit(member)
    }
  }

  @Test func whatMustBeAcceptedIs() throws {
    let names = try Corpora.names(in: folder).filter { $0.hasPrefix("y_") }
    #expect(names.count >= 90)
    for name in names { #expect(try isAccepted(name), "\(name)") }
  }

  @Test func whatMustBeRefusedIs() throws {
    let names = try Corpora.names(in: folder).filter { $0.hasPrefix("n_") }
    #expect(names.count >= 180)
    for name in names { #expect(try !isAccepted(name), "\(name)") }
  }

  @Test func whatMayBeEitherDoesNotCrash() throws {
    let names = try Corpora.names(in: folder).filter { $0.hasPrefix("i_") }
    #expect(names.count >= 30)
    for name in names { _ = try isAccepted(name, maxDepth: 1000) }
    #expect(try isAccepted("i_structure_500_nested_arrays.json", maxDepth: 500))
    #expect(try !isAccepted("i_structure_500_nested_arrays.json", maxDepth: 499))
    // Decisions of ours: lone surrogates only where they are escaped, no byte order mark.
    #expect(try isAccepted("i_string_1st_surrogate_but_2nd_missing.json"))
    #expect(try !isAccepted("i_string_UTF8_surrogate_U+D800.json"))
    #expect(try !isAccepted("i_structure_UTF-8_BOM_empty_object.json"))
  }
}

import OpenAI
import Testing
import Wire
import XSTech

@testable import Gateway

@Suite("The catalogue of models") struct ModelCatalogTests {
  private func list() throws -> ModelList {
    let text = #"""
      {"models":[{"value":"a::b/c","integral":"1积分"},{"value":"free","integral":"免费"},{"value":"dear","integral":"100积分"},
      {"value":"a::b/c","integral":"1积分"},{"value":"blind","attr":{"integral":"1积分","capabilities":{"imageInput":false}}}],"mFileCount":3,"mFileSize":1}
      """#
    return try text.withRawBytes { try #require(ModelList(JSONDocument(parsing: $0).root)) }
  }

  @Test func whatIsOnOffer() throws {
    let catalog = ModelCatalog(try list(), configuration: Configuration())
    #expect(catalog.entries.map(\.id) == ["xstech-a::b/c", "xstech-blind"])
    #expect(catalog["xstech-a::b/c"]?.values == ["a::b/c"])
    #expect(catalog["a::b/c"] == nil)
    #expect(catalog["xstech-dear"] == nil)
    #expect(catalog["xstech-blind"]?.takesImages == false)
    #expect(catalog.maxFiles == 3)
    #expect(catalog.maxImageBytes == 1_048_576)
    #expect(catalog.hint(for: "a::b/c") == " (did you mean \"xstech-a::b/c\"?)")
    #expect(catalog.hint(for: "xstech-blond") == " (did you mean \"xstech-blind\"?)")
    #expect(catalog.hint(for: "something else altogether") == "")
  }

  @Test func aliases() throws {
    var configuration = Configuration()
    configuration.models.aliases = [
      .init(name: "gone", values: ["nothing", "dear"]), .init(name: "gpt", values: ["nothing", "xstech-blind", "a::b/c"]),
      .init(name: "xstech-blind", values: ["a::b/c"]),
    ]
    let catalog = ModelCatalog(try list(), configuration: configuration)
    #expect(catalog["gpt"]?.values == ["blind", "a::b/c"])
    #expect(catalog["gpt"]?.takesImages == false)
    #expect(catalog["xstech-blind"]?.values == ["a::b/c"])
    #expect(catalog["gone"] == nil)
    #expect(catalog.warnings.count == 1)
    let listed = try foundationObject(String(decoding: catalog.listBody, as: UTF8.self))["data"] as? [[String: Any]]
    #expect(listed?.map { $0["id"] as? String } == ["xstech-a::b/c", "gpt", "xstech-blind"])
  }

  @Test func imagesOfARequest() throws {
    let catalog = ModelCatalog(try list(), configuration: Configuration())
    let entry = try #require(catalog["xstech-a::b/c"])
    func check(_ counts: [Int], _ entry: ModelCatalog.Entry) -> RequestError? {
      var turns: [Turn] = []
      for count in counts {
        turns += [Turn(.user, "q", images: (0..<count).map { attachment("AAAA", param: "image \($0)") }), Turn(.assistant, "a")]
      }
      return FileRules.check(ChatQuery(model: "m", system: "", turns: turns.dropLast()), catalog: catalog, entry: entry)
    }
    #expect(check([3], entry) == nil)
    #expect(check([4], entry)?.code == .tooManyFiles)
    #expect(check([4], entry)?.param == "image 3")
    // Earlier turns' images do not count.
    #expect(check([9, 3], entry) == nil)
    let blind = try #require(catalog["xstech-blind"])
    #expect(check([1], blind)?.code == .invalidImage)
    #expect(check([0], blind) == nil)
    var large = attachment("AAAA", param: "large")
    large.byteCount = 1_048_577
    let query = ChatQuery(model: "m", system: "", turns: [Turn(.user, "q", images: [attachment("AAAA"), large])])
    #expect(FileRules.check(query, catalog: catalog, entry: entry)?.param == "large")
  }
}

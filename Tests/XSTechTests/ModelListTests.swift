import Testing
import Wire

@testable import XSTech

@Suite("The list of models") struct ModelListTests {
  private func list(_ text: String) throws -> ModelList? { try text.withJSON { ModelList($0) } }

  @Test func priceInTheAttributesOrOnTheModel() throws {
    let list = try #require(
      try list(
        #"""
        {"models":[
          {"label":"GPT-5.5","value":"openai::gpt-5.5","attr":{"integral":"1积分","capabilities":{"imageInput":false,"x":1}}},
          {"label":"Free","value":"f/1","integral":"免费"},
          {"value":"bare"},
          {"value":"both","attr":{"integral":"100积分"},"integral":"1积分"},
          {"value":"empty","attr":{"integral":""},"integral":"1积分"},
          {"value":"odd","attr":5,"label":null}
        ],"defModel":"f/1","mFileCount":8,"mFileSize":10,"providers":[{}]}
        """#))
    #expect(
      list.models == [
        Model(value: "openai::gpt-5.5", label: "GPT-5.5", price: "1积分", takesImages: false),
        Model(value: "f/1", label: "Free", price: "免费", takesImages: true),
        Model(value: "bare", label: "bare", price: "", takesImages: true),
        Model(value: "both", label: "both", price: "100积分", takesImages: true),
        Model(value: "empty", label: "empty", price: "1积分", takesImages: true),
        Model(value: "odd", label: "odd", price: "", takesImages: true),
      ])
    #expect(list.defaultModel == "f/1")
    #expect(list.maxFiles == 8)
    #expect(list.maxFileBytes == 10_485_760)
  }

  @Test func whatIsOfNoUseIsSkipped() throws {
    let list = try #require(
      try list(#"{"models":[{"label":"x"},{"value":""},{"value":7},5,null,{"value":"v"}],"mFileCount":0,"mFileSize":-1}"#))
    #expect(list.models.map(\.value) == ["v"])
    #expect(list.defaultModel == nil)
    #expect(list.maxFiles == nil)
    #expect(list.maxFileBytes == nil)
    #expect(try self.list(#"{"models":[],"mFileSize":0.5}"#)?.maxFileBytes == 524_288)
    #expect(try self.list(#"{"models":[],"mFileSize":1e300}"#)?.maxFileBytes == nil)
  }

  @Test func withoutAListThereIsNone() throws {
    for text in ["{}", #"{"models":null}"#, #"{"models":{}}"#, "[]", "null"] { #expect(try list(text) == nil, "\(text)") }
  }
}

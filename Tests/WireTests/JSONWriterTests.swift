import Testing

@testable import Wire

@Suite struct JSONWriterTests {
  private func written(_ body: (inout JSONWriter) -> Void) -> String {
    let buffer = ByteBuffer()
    var writer = JSONWriter(buffer)
    body(&writer)
    return buffer.text
  }

  @Test func commasAndColons() {
    let text = written { json in
      json.beginObject()
      json.key("a")
      json.int(1)
      json.key("b" + String(2))
      json.beginArray()
      json.endArray()
      json.key("c")
      json.beginArray()
      json.beginObject()
      json.endObject()
      json.bool(true)
      json.bool(false)
      json.null()
      json.string("x\n\"你\u{1}")
      "{\"raw\":[]}".withRawBytes { json.raw($0) }
      json.beginArray()
      json.int(-5)
      json.double(0.5)
      json.endArray()
      json.endArray()
      json.key("d" + "\t")
      "utf8".withRawBytes { json.string($0) }
      json.endObject()
    }
    #expect(
      text == #"{"a":1,"b2":[],"c":[{},true,false,null,"x\n\"你\u0001",{"raw":[]},[-5,0.5]],"d\t":"utf8"}"#)
  }

  @Test func aSingleValueNeedsNoComma() {
    #expect(written { $0.string("") } == "\"\"")
    #expect(written { $0.null() } == "null")
    #expect(written { $0.int(.min) } == "-9223372036854775808")
  }

  @Test func somethingMayStandBeforeTheValue() {
    let buffer = ByteBuffer("data: ")
    var json = JSONWriter(buffer)
    json.beginArray()
    json.endArray()
    #expect(buffer.text == "data: []")
  }

  @Test func doublesAreTheShortestAndAlwaysJSON() throws {
    for (value, text) in [
      (1.0, "1.0"), (0.1, "0.1"), (0.0, "0.0"), (-0.0, "-0.0"), (-2.0, "-2.0"), (999_999.0, "999999.0"), (1e6, "1000000.0"),
      (-1.5, "-1.5"), (.leastNonzeroMagnitude, "5e-324"), (1e16, "1e+16"), (1e-7, "1e-07"),
      (.greatestFiniteMagnitude, "1.7976931348623157e+308"), (.infinity, "null"), (-.infinity, "null"), (.nan, "null"),
    ] {
      #expect(written { $0.double(value) } == text)
    }
    var random = SeededGenerator.seeded("doubles")
    for _ in 0..<5000 {
      let value = Double(bitPattern: random.next())
      let text = written { $0.double(value) }
      let back = try withJSON(text) { $0.double?.bitPattern }
      #expect(back == (value.isFinite ? value.bitPattern : nil), "\(text)")
    }
  }
}

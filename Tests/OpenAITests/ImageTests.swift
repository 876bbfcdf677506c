import Foundation
import Testing
import Wire

@testable import OpenAI

@Suite("Images") struct ImageTests {
  private static let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52]

  private func part(_ url: String) -> String { #"{"type":"image_url","image_url":{"url":"\#(url)"}}"# }
  private func body(_ part: String) -> String {
    request("", messages: #"[{"role":"user","content":[{"type":"text","text":"t"},\#(part)]}]"#)
  }
  private func dataURL(_ bytes: [UInt8], type: String = "image/png") -> String {
    "data:\(type);base64,\(Data(bytes).base64EncodedString())"
  }

  private func image(_ part: String, limits: RequestLimits = RequestLimits()) throws -> (image: Image, isInPlace: Bool) {
    let buffer = ByteBuffer(body(part))
    let image = try #require(try ChatRequest.decode(buffer, limits: limits).messages.first?.images.first)
    return (image, image.buffer === buffer)
  }

  private func base64(_ image: Image) -> String { String(decoding: image.buffer.bytes[image.base64], as: UTF8.self) }

  @Test func anObjectAndABareString() throws {
    let url = dataURL(Self.png)
    for part in [
      part(url), #"{"type":"image_url","image_url":"\#(url)"}"#,
      #"{"type":"image_url","image_url":{"url":"\#(url)","detail":"low"}}"#,
    ] {
      let (image, isInPlace) = try image(part)
      #expect(isInPlace, "an image is not copied")
      #expect(image.format == .png)
      #expect(image.byteCount == 16)
      #expect(base64(image) == Data(Self.png).base64EncodedString())
      #expect(image.param.hasPrefix("messages[0].content[1].image_url"))
    }
  }

  @Test func escapedAsPHPDoes() throws {
    let bytes = Self.png + [0xFF, 0xFF, 0xFF, 0xFE]
    let url = dataURL(bytes)
    #expect(url.contains("/"))
    let (image, _) = try image(part(url.replacingOccurrences(of: "/", with: #"\/"#)))
    #expect(image.format == .png)
    #expect(base64(image) == Data(bytes).base64EncodedString())
    #expect(image.byteCount == 20)
  }

  @Test func theTypeIsToldByTheBytes() throws {
    let tail = [UInt8](repeating: 0, count: 12)
    let cases: [(ImageFormat, [UInt8])] = [
      (.png, Self.png), (.jpeg, [0xFF, 0xD8, 0xFF, 0xE0] + tail), (.gif, Array("GIF87a".utf8) + tail),
      (.gif, Array("GIF89a".utf8) + tail),
      (.webp, Array("RIFF".utf8) + [1, 2, 3, 4] + Array("WEBPVP8 ".utf8)), (.bmp, Array("BM".utf8) + tail),
      (.tiff, [0x49, 0x49, 0x2A, 0x00] + tail), (.tiff, [0x4D, 0x4D, 0x00, 0x2A] + tail),
      (.avif, [0, 0, 0, 32] + Array("ftypavif".utf8) + tail),
      (.heic, [0, 0, 0, 32] + Array("ftypheic".utf8) + tail), (.heic, [0, 0, 0, 32] + Array("ftypmif1".utf8) + tail),
    ]
    for (format, bytes) in cases {
      // What the client calls it does not count.
      let (image, _) = try image(part(dataURL(bytes, type: "image/jpeg")))
      #expect(image.format == format)
      #expect(image.byteCount == bytes.count)
      #expect(image.format.mediaType == "image/\(format)")
    }
    #expect(ImageFormat.jpeg.fileExtension == "jpg")
    #expect(ImageFormat.webp.fileExtension == "webp")
  }

  @Test func headsOfDataURLs() throws {
    let base64 = Data(Self.png).base64EncodedString()
    for head in [
      "data:image/png;base64,", "DATA:IMAGE/PNG;BASE64,", "data:image/png;charset=utf-8;base64,", "data:image/x-unknown;base64,",
    ] {
      #expect(refusal(body(part(head + base64))) == nil, "\(head)")
    }
  }

  @Test(arguments: [
    "http://example.com/a.png", "https://example.com/a.png", "", "data", "data:image/png;base64", "data:,", "data:image/png,AAAA",
    "data:image/png;base64,", "data:image/png;base64,AAA", "data:image/png;base64,AA=A", "data:image/png;base64,AAAA\\n",
    "data:image/png;base64,AA-_",
    "data:image/png;base64,====", "data:text/plain;base64,iVBORw0KGgo=", "data:;base64,iVBORw0KGgo=",
    "data:image/png;base64,aGVsbG8gd29ybGQ=",
    "data:image/svg+xml;base64,PHN2Zz48L3N2Zz4=", "file:///etc/passwd", "data:image/png;base64,iVBORw0KGgp=",
    "data:image/png;base64x,AAAA",
  ]) func whatIsNoImage(_ url: String) throws {
    let error = try #require(failure(body(part(url))))
    #expect(error.code == .invalidImage)
    #expect(error.param == "messages[0].content[1].image_url.url")
    #expect(error.message.contains("messages[0].content[1]"))
  }

  @Test func oversize() {
    var limits = RequestLimits()
    limits.maxImageBytes = 1024
    func url(_ count: Int) -> String { dataURL(Self.png + [UInt8](repeating: 7, count: count - 16)) }
    for fits in [1022, 1023, 1024] { #expect(refusal(body(part(url(fits))), limits: limits) == nil) }
    for count in [1025, 1026, 1027, 5000] {
      #expect(refusal(body(part(url(count))), limits: limits) == "invalid_image messages[0].content[1].image_url.url")
    }
  }

  @Test func imagesKeepTheirOrder() throws {
    let first = dataURL(Self.png)
    let second = dataURL([0xFF, 0xD8, 0xFF, 0xE0, 1, 2, 3])
    let message = #"{"role":"user","content":[\#(part(first)),{"type":"text","text":"t"},\#(part(second))]}"#
    let chat = try decode(request("", messages: "[\(message)]"))
    #expect(chat.messages.first?.images.map(\.format) == [.png, .jpeg])
    #expect(chat.messages.first?.text == "t")
  }
}

import Wire

/// A raster image's format, told by its first bytes.
public enum ImageFormat: String, Sendable, CaseIterable {
  case png, jpeg, gif, webp, bmp, tiff, avif, heic

  public var mediaType: String { "image/\(rawValue)" }
  public var fileExtension: String { self == .jpeg ? "jpg" : rawValue }

  /// - Parameter bytes: the first 12 bytes or more.
  public init?(signature bytes: [UInt8]) {
    func at(_ offset: Int, _ text: StaticString) -> Bool {
      bytes.count >= offset + text.utf8CodeUnitCount
        && bytes[offset..<offset + text.utf8CodeUnitCount].elementsEqual(
          UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
    if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
      self = .png
    } else if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else if at(0, "GIF87a") || at(0, "GIF89a") {
      self = .gif
    } else if at(0, "RIFF") && at(8, "WEBP") {
      self = .webp
    } else if at(0, "BM") && bytes.count >= 12 {
      self = .bmp
    } else if bytes.starts(with: [0x49, 0x49, 0x2A, 0x00]) || bytes.starts(with: [0x4D, 0x4D, 0x00, 0x2A]) {
      self = .tiff
    } else if at(4, "ftypavif") || at(4, "ftypavis") {
      self = .avif
    } else if at(4, "ftyphei") || at(4, "ftyphev") || at(4, "ftypmif1") {
      self = .heic
    } else {
      return nil
    }
  }
}

/// `data:[<media type>][;parameters];base64,<data>` (RFC 2397).
enum DataURL {
  static func image(_ value: JSONValue, body: ByteBuffer, limits: RequestLimits, path: String) throws(RequestError) -> Image {
    let (buffer, url) = text(of: value, in: body)
    let bytes = UnsafeRawBufferPointer(rebasing: buffer.bytes[url])
    guard bytes.count >= 5, ASCII.equalsIgnoringCase(UnsafeRawBufferPointer(rebasing: bytes[..<5]), "data:") else {
      throw RequestError(
        .invalidImage,
        "Invalid image in '\(path)': only data URLs (data:image/png;base64,…) are supported; download the image first.",
        param: path)
    }
    guard let comma = bytes.firstIndex(of: UInt8(ascii: ",")) else {
      throw RequestError(.invalidImage, "Invalid image in '\(path)': the data URL has no ','.", param: path)
    }
    try checkHead(UnsafeRawBufferPointer(rebasing: bytes[5..<comma]), path: path)
    let base64 = UnsafeRawBufferPointer(rebasing: bytes[(comma + 1)...])
    // Refused before it is looked at byte by byte.
    guard base64.count / 4 * 3 <= limits.maxImageBytes + 3 else { throw tooLarge(limits, path) }
    guard let size = Base64.decodedCount(base64), size > 0 else {
      throw RequestError(.invalidImage, "Invalid image in '\(path)': the data is not valid base64.", param: path)
    }
    guard size <= limits.maxImageBytes else { throw tooLarge(limits, path) }
    guard let format = ImageFormat(signature: Base64.decodePrefix(base64, limit: 16)) else {
      throw RequestError(
        .invalidImage, "Invalid image in '\(path)': the data is not an image of a known format (png, jpeg, gif, webp, bmp, …).",
        param: path)
    }
    return Image(
      format: format, buffer: buffer, base64: (url.lowerBound + comma + 1)..<url.upperBound, byteCount: size, param: path)
  }

  private static func tooLarge(_ limits: RequestLimits, _ path: String) -> RequestError {
    RequestError(.invalidImage, "Invalid image in '\(path)': larger than the limit of \(limits.maxImageBytes) bytes.", param: path)
  }

  private static func checkHead(_ head: UnsafeRawBufferPointer, path: String) throws(RequestError) {
    let parts = String(decoding: head, as: UTF8.self).lowercased().split(separator: ";", omittingEmptySubsequences: false)
    guard parts.count > 1, parts.last == "base64" else {
      throw RequestError(.invalidImage, "Invalid image in '\(path)': the data URL is not base64-encoded.", param: path)
    }
    guard parts[0].hasPrefix("image/") else {
      throw RequestError(.invalidImage, "Invalid image in '\(path)': '\(parts[0])' is not an image type.", param: path)
    }
  }

  /// Where a string's text lies: in the request's own bytes, or, if it holds escapes (PHP writes `\/`), decoded in a buffer of its own.
  private static func text(of value: JSONValue, in body: ByteBuffer) -> (ByteBuffer, Range<Int>) {
    let raw = value.raw
    if value.isPlainString, let base = body.bytes.baseAddress, let start = raw.baseAddress {
      let offset = start - base + 1
      return (body, offset..<(offset + raw.count - 2))
    }
    let decoded = ByteBuffer()
    value.appendDecoded(to: decoded)
    return (decoded, 0..<decoded.count)
  }
}

import Wire

/// A file of a completion: `data:<media type>;base64,<base64>`, the base64 text standing in `buffer`.
public struct File {
  public var name: String
  public var mediaType: String
  public var buffer: ByteBuffer
  public var base64: Range<Int>

  public init(name: String, mediaType: String, buffer: ByteBuffer, base64: Range<Int>) {
    (self.name, self.mediaType, self.buffer, self.base64) = (name, mediaType, buffer, base64)
  }
}

/// The body of `POST /api/chat/completions`, in parts: what the gateway writes, with the files' base64 text between, where it lies.
public struct CompletionBody {
  public private(set) var parts: [BufferPart] = []
  private let written: ByteBuffer
  private var from = 0

  public init(text: String, sessionID: Int, files: [File]) {
    written = ByteBuffer(capacity: text.utf8.count + 64)
    var writer = JSONWriter(written)
    writer.beginObject()
    writer.key("text")
    writer.string(text)
    writer.key("sessionId")
    writer.int(sessionID)
    written.append(#","files":["#)
    for (index, file) in files.enumerated() {
      if index > 0 { written.append(UInt8(ascii: ",")) }
      written.append(#"{"name":""#)
      written.append(file.name)
      written.append(#"","data":"data:"#)
      written.append(file.mediaType)
      written.append(";base64,")
      cut()
      parts.append(BufferPart(file.buffer, file.base64))
      written.append(#""}"#)
    }
    written.append("]}")
    cut()
  }

  private mutating func cut() {
    parts.append(BufferPart(written, from..<written.count))
    from = written.count
  }
}

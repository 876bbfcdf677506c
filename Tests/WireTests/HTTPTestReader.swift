@testable import Wire

/// A whole stream of requests, read with the parser and the body decoder as a server does.
struct HTTPTestReader {
  struct Message: Equatable, CustomStringConvertible {
    var head: String
    var body: String
    var description: String { "\(head) | \(body)" }
  }

  enum End: Equatable { case clean, inHead, inBody, failed(HTTPRequestError) }

  private(set) var messages: [Message] = []
  private(set) var heads: [HTTPRequestHead] = []
  private(set) var end = End.clean

  /// Reads `chunks` one after another, each from memory of exactly its length that is spoilt afterwards.
  init(_ chunks: [[UInt8]], limits: HTTPRequestParser.Limits = .init(), bodyLimit: Int = 1 << 20) {
    var parser = HTTPRequestParser(limits: limits)
    var decoder: HTTPBodyDecoder?
    let body = ByteBuffer()
    do throws(HTTPRequestError) {
      for chunk in chunks {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk.count, alignment: 1)
        copy.copyBytes(from: chunk)
        defer {
          copy.initializeMemory(as: UInt8.self, repeating: 0xAA)
          copy.deallocate()
        }
        var rest = UnsafeRawBufferPointer(copy)
        while !rest.isEmpty {
          var taken = 0
          if decoder != nil {
            taken = try decoder!.decode(rest, into: body, limit: bodyLimit)
          } else if let head = try parser.parse(rest, consumed: &taken) {
            heads.append(head)
            messages.append(Message(head: Self.describe(head), body: ""))
            decoder = HTTPBodyDecoder(head.framing)
          }
          if let ended = decoder, ended.isComplete {
            messages[messages.count - 1].body = body.text
            body.removeAll()
            decoder = nil
          }
          rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
        }
      }
      end = decoder != nil ? .inBody : parser.isMidHead ? .inHead : .clean
    } catch {
      end = .failed(error)
    }
  }

  init(_ text: String, limits: HTTPRequestParser.Limits = .init(), bodyLimit: Int = 1 << 20) {
    self.init([Array(text.utf8)], limits: limits, bodyLimit: bodyLimit)
  }

  private static func describe(_ head: HTTPRequestHead) -> String {
    let fields = head.headers.fields.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
    let flags = "\(head.framing) continue:\(head.expectsContinue) keeps:\(head.keepsAlive)"
    return
      "\(head.method.text) \(head.path) ?\(head.query ?? "-") 1.\(head.minorVersion) @\(head.authority ?? "-") [\(fields)] \(flags)"
  }
}

extension HTTPTestReader.End {
  var isFailure: Bool {
    if case .failed = self { return true }
    return false
  }
}

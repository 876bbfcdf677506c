import Wire

/// Writes the events of one stream, in the service's own form or as OpenAI's chunks.
struct EventWriter {
  enum Dialect {
    case xstech
    /// `prefix`: a chunk up to and with `"choices":`.
    case openAI(prefix: String, includesUsage: Bool)
  }

  let dialect: Dialect
  let style: EventStyle
  private let lineEnd: StaticString

  init(_ dialect: Dialect, _ style: EventStyle) {
    (self.dialect, self.style) = (dialect, style)
    lineEnd = style.crlf ? "\r\n" : "\n"
  }

  static func openAI(id: Int, created: Int, model: String, includesUsage: Bool) -> EventWriter {
    let head = ByteBuffer(#"{"id":"chatcmpl-\#(id)","object":"chat.completion.chunk","created":\#(created),"model":"#)
    var json = JSONWriter(ByteBuffer())
    json.string(model)
    head.append(json.buffer.bytes)
    head.append(includesUsage ? #","usage":null,"choices":"# : #","choices":"#)
    return EventWriter(.openAI(prefix: head.text, includesUsage: includesUsage), EventStyle())
  }

  /// One piece of text.
  func piece(_ text: UnsafeRawBufferPointer, to out: ByteBuffer) {
    switch dialect {
    case .xstech: event("string", to: out) { literal(text, to: $0) }
    case .openAI(let prefix, _):
      out.append("data: ")
      out.append(prefix)
      out.append(#"[{"index":0,"delta":{"content":"#)
      literal(text, to: out)
      out.append("},\"finish_reason\":null}]}\n\n")
    }
  }

  /// What comes before the first piece.
  func opening(to out: ByteBuffer) {
    guard case .openAI(let prefix, _) = dialect else { return }
    out.append("data: ")
    out.append(prefix)
    out.append("[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n")
  }

  /// What comes behind the last piece, before `[DONE]`.
  func closing(_ record: Record, session: Int, to out: ByteBuffer) {
    switch dialect {
    case .xstech:
      event("object", to: out) { out in
        var json = JSONWriter(out)
        json.record(record, session: session)
      }
    case .openAI(let prefix, let includesUsage):
      out.append("data: ")
      out.append(prefix)
      out.append("[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n")
      guard includesUsage else { return }
      out.append("data: ")
      out.append(prefix.replacing(#""usage":null,"#, with: #""usage":\#(record.usage.openAI),"#))
      out.append("[]}\n\n")
    }
  }

  func failure(_ message: String, to out: ByteBuffer) {
    var json = JSONWriter(ByteBuffer())
    json.string(message)
    switch dialect {
    case .xstech: line(#"{"code":500,"type":"error","err":\#(json.buffer.text),"msg":""}"#, to: out)
    case .openAI: line(#"{"error":{"message":\#(json.buffer.text),"type":"upstream_error","param":null,"code":null}}"#, to: out)
    }
  }

  /// An event with any data.
  func line(_ data: String, to out: ByteBuffer) {
    out.append("data: ")
    out.append(data)
    out.append(lineEnd)
    out.append(lineEnd)
  }

  func done(to out: ByteBuffer) { line("[DONE]", to: out) }

  /// Comments and fields that carry no data.
  func comment(_ index: Int, to out: ByteBuffer) {
    for line in [": ping \(index)", "id: \(index)", "retry: 3000", "event: message", ":"] {
      out.append(line)
      out.append(lineEnd)
    }
  }

  /// Events of types that no client knows.
  func unknown(_ index: Int, to out: ByteBuffer) {
    line(#"{"code":0,"type":"progress","data":{"step":\#(index),"string":"not text"}}"#, to: out)
    line(#"{"type":"tool","data":["string",{"type":"string","data":"not text"}],"code":0,"extra":null}"#, to: out)
  }

  private func event(_ type: StaticString, to out: ByteBuffer, _ data: (ByteBuffer) -> Void) {
    if style.spaces {
      out.append("data:{ \"data\" :\t")
      data(out)
      out.append(" , \"type\":  \"")
      out.append(type)
      out.append(style.noCode ? "\" } " : "\",\"code\" : 0 } ")
    } else {
      out.append(style.noCode ? "data: {\"type\":\"" : "data: {\"code\":0,\"type\":\"")
      out.append(type)
      out.append("\",")
      if style.lines {
        out.append(lineEnd)
        out.append("data: ")
      }
      out.append("\"data\":")
      data(out)
      out.append("}")
    }
    out.append(lineEnd)
    out.append(lineEnd)
  }

  private func literal(_ text: UnsafeRawBufferPointer, to out: ByteBuffer) {
    out.append(UInt8(ascii: "\""))
    if style.escapes {
      for unit in String(decoding: text, as: UTF8.self).utf16 { out.append(escape: unit) }
    } else if style.goEscapes {
      for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
        switch scalar {
        case "<", ">", "&", "\u{2028}", "\u{2029}": out.append(escape: UInt16(scalar.value))
        default: Array(String(scalar).utf8).withUnsafeBytes { out.append(jsonEscaping: $0) }
        }
      }
    } else {
      out.append(jsonEscaping: text)
    }
    out.append(UInt8(ascii: "\""))
  }
}

extension Usage {
  var openAI: String {
    #"{"prompt_tokens":\#(prompt),"completion_tokens":\#(completion),"total_tokens":\#(total)}"#
  }
}

extension ByteBuffer {
  /// Appends `\uXXXX`.
  fileprivate func append(escape unit: UInt16) {
    let digits = String(unit, radix: 16)
    append("\\u")
    append(String(repeating: "0", count: 4 - digits.utf8.count))
    append(digits)
  }
}

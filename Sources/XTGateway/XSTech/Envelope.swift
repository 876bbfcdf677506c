import Wire

/// The frame of every JSON answer: `{"code":0,"data":…,"msg":""}`.
public enum Envelope {
  /// 0 is success, a missing code as well; a code that is no integer counts as a failure (-1).
  public static func code(of value: JSONValue) -> Int {
    guard let code = value["code"], code.kind != .null else { return 0 }
    if let number = code.int { return number }
    if let digits = code.string,
      let number = digits.utf8.withContiguousStorageIfAvailable({ ASCII.decimal(UnsafeRawBufferPointer($0)) }) ?? nil
    {
      return number
    }
    return -1
  }

  /// The upstream's own words, from `err` or `msg`; empty where it gave none.
  public static func message(of value: JSONValue) -> String {
    for text in [value["err"]?.string, value["msg"]?.string, value["message"]?.string] {
      if let text, !text.isEmpty { return text }
    }
    return ""
  }

  public enum Outcome {
    case success(JSONValue?)
    case failure(code: Int, message: String)
    /// Not JSON, or not an envelope.
    case malformed(String)
  }

  /// Reads an answer's body. The value of `success` is valid only during `body`.
  public static func read<R>(_ bytes: UnsafeRawBufferPointer, _ body: (Outcome) -> R) -> R {
    let document: JSONDocument
    do { document = try JSONDocument(parsing: bytes) } catch { return body(.malformed("\(error)")) }
    guard document.root.kind == .object else { return body(.malformed("not a JSON object")) }
    let code = code(of: document.root)
    guard code == 0 else { return body(.failure(code: code, message: message(of: document.root))) }
    return body(.success(document.root["data"]))
  }
}

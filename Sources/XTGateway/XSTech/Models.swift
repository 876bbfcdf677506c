import Wire

/// A model as the upstream offers it.
public struct Model: Equatable, Sendable {
  /// What a session calls it: `openai::gpt-5.5`.
  public var value: String
  /// For people: `GPT-5.5`.
  public var label: String
  /// The price label of one message: `1积分`, `免费`; empty where the upstream gives none.
  public var price: String
  public var takesImages: Bool

  public init(value: String, label: String, price: String, takesImages: Bool) {
    (self.value, self.label, self.price, self.takesImages) = (value, label, price, takesImages)
  }
}

/// The answer of `GET /api/chat/tmpl`.
public struct ModelList: Equatable, Sendable {
  public var models: [Model]
  public var defaultModel: String?
  /// Most files in one message.
  public var maxFiles: Int?
  /// Largest file in bytes.
  public var maxFileBytes: Int?

  public init?(_ data: JSONValue) {
    guard let list = data["models"], list.kind == .array else { return nil }
    models = list.elements.compactMap(Model.init)
    defaultModel = data["defModel"]?.string
    maxFiles = data["mFileCount"]?.int.flatMap { $0 > 0 ? $0 : nil }
    maxFileBytes = data["mFileSize"]?.double.flatMap { $0 > 0 && $0 < 1e6 ? Int($0 * 1_048_576) : nil }
  }
}

extension Model {
  /// Tolerates what is unknown; a model without a value is of no use.
  init?(_ entry: JSONValue) {
    guard let value = entry["value"]?.string, !value.isEmpty else { return nil }
    let attributes = entry["attr"]
    let prices = [attributes?["integral"]?.string, entry["integral"]?.string]
    self.init(
      value: value, label: entry["label"]?.string ?? value,
      price: prices.lazy.compactMap(\.self).first { !$0.isEmpty } ?? "",
      takesImages: attributes?["capabilities"]?["imageInput"]?.bool ?? true)
  }
}

/// One page of `GET /api/user_plan`: what an account has bought and not used yet.
public struct Plans {
  /// Credits left in plans that have not ended.
  public let usable: Int
  public let isLast: Bool

  public init?(_ data: JSONValue) {
    guard let records = data["records"], records.kind == .array else { return nil }
    var sum = 0.0
    for plan in records.elements where plan["isExpire"]?.bool != true && plan["isExpire"]?.int ?? 0 == 0 {
      sum += max(0, plan["usable"]?.double ?? 0)
    }
    usable = Int(min(sum, 1e15))
    isLast = records.count == 0 || (data["page"]?.int ?? 1) >= (data["pages"]?.int ?? 1)
  }
}

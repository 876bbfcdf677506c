import Wire

/// One chat model of the catalogue.
struct Model: Sendable {
  /// Where the price label stands in the list of models: in `attr`, or in some answers directly on the model.
  enum LabelPlace: Sendable { case attribute, model }

  let value: String
  let label: String
  /// The price label of one message.
  let integral: String
  /// The price of one message in credits.
  let cost: Int
  var labelPlace = LabelPlace.attribute
  var takesImages = true
  /// Puts its thoughts in front of an answer, between `<think>` and `</think>`.
  var reasons = false

  static let catalogue: [Model] = [
    Model(value: "openai::gpt-5.5", label: "GPT-5.5", integral: "1积分", cost: 1),
    Model(
      value: "claude-3-7-sonnet-20250219-xs", label: "Claude 3.7 Sonnet", integral: "1积分", cost: 1, labelPlace: .model),
    Model(
      value: "Llama::meta-llama/llama-4-scout-17b-16e-instruct", label: "Llama 4 Scout", integral: "1积分", cost: 1),
    Model(value: "deepseek::deepseek-r1", label: "DeepSeek R1", integral: "1积分", cost: 1, reasons: true),
    Model(value: "qwen::qwen3-text", label: "通义千问3（纯文本）", integral: "1积分", cost: 1, takesImages: false),
    Model(value: "openai::openai/gpt-oss-120b", label: "GPT-OSS 120B", integral: "免费", cost: 0, takesImages: false),
    Model(value: "openai::o3-pro", label: "o3 Pro", integral: "100积分", cost: 100),
  ]

  static func named(_ value: String) -> Model? { catalogue.first { $0.value == value } }
}

/// What the list of models says of uploads: how many files a message may have, and their size in MB.
enum UploadLimits {
  static let files = 8
  static let megabytes = 10
}

extension JSONWriter {
  /// The `data` of `GET /api/chat/tmpl`.
  mutating func modelList() {
    beginObject()
    key("defModel")
    string(Model.catalogue[0].value)
    key("mFileCount")
    int(UploadLimits.files)
    key("mFileSize")
    int(UploadLimits.megabytes)
    key("models")
    beginArray()
    for model in Model.catalogue { self.model(model) }
    endArray()
    key("providers")
    beginArray()
    endArray()
    key("plugins")
    beginArray()
    endArray()
    endObject()
  }

  private mutating func model(_ model: Model) {
    beginObject()
    key("label")
    string(model.label)
    key("value")
    string(model.value)
    if model.labelPlace == .model {
      key("integral")
      string(model.integral)
    }
    key("attr")
    beginObject()
    if model.labelPlace == .attribute {
      key("integral")
      string(model.integral)
    }
    key("capabilities")
    beginObject()
    for (name, value) in [
      ("imageInput", model.takesImages), ("anyFile", false), ("tools", false), ("stream", true), ("systemRole", true),
      ("reasoning", model.reasons),
    ] {
      key(name)
      bool(value)
    }
    endObject()
    endObject()
    endObject()
  }
}

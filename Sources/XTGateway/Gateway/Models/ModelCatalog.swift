import OpenAI
import Wire
import XSTech

/// The models on offer, made from the upstream's list and the configuration. It never changes: a refresh makes a new one.
public final class ModelCatalog: Sendable {
  public struct Entry: Sendable, Equatable {
    public let id: String
    /// The upstream's values in order of preference, all of them on offer.
    public let values: [String]
    public let takesImages: Bool
  }

  public let entries: [Entry]
  private let indexByID: [String: Int]
  public let defaultModel: String?
  public let maxFiles: Int
  public let maxImageBytes: Int
  /// `GET /v1/models`, encoded once.
  public let listBody: [UInt8]
  /// What the operator should know: aliases without a model.
  public let warnings: [String]

  public init(_ list: ModelList, configuration: Configuration) {
    defaultModel = list.defaultModel
    maxFiles = min(configuration.limits.maxFiles, list.maxFiles ?? .max)
    maxImageBytes = min(configuration.limits.maxImageBytes, list.maxFileBytes ?? .max)
    let credits = Set(configuration.models.credits)
    var offered: [String: Model] = [:]
    var found: [Entry] = []
    var warnings: [String] = []
    for model in list.models where credits.contains(model.price) && offered.updateValue(model, forKey: model.value) == nil {
      found.append(Entry(id: configuration.models.prefix + model.value, values: [model.value], takesImages: model.takesImages))
    }
    for alias in configuration.models.aliases {
      let values = alias.values.compactMap { Self.value($0, prefix: configuration.models.prefix, offered: offered) }
      guard let first = values.first else {
        warnings.append("alias \"\(alias.name)\": none of its models is on offer (see models.credits)")
        continue
      }
      found.removeAll { $0.id == alias.name }
      found.append(Entry(id: alias.name, values: values, takesImages: offered[first]?.takesImages ?? true))
    }
    entries = found
    indexByID = Dictionary(found.enumerated().map { ($1.id, $0) }) { $1 }
    self.warnings = warnings
    let body = ByteBuffer()
    ModelObject.writeList(found.map { ModelObject(id: $0.id) }, to: body)
    listBody = Array(body.bytes)
  }

  private static func value(_ name: String, prefix: String, offered: [String: Model]) -> String? {
    if offered[name] != nil { return name }
    guard name.hasPrefix(prefix) else { return nil }
    let value = String(name.dropFirst(prefix.count))
    return offered[value] != nil ? value : nil
  }

  /// What a session is made for before anybody has asked for a model: the upstream's default if it is on offer, else the first that is.
  public var modelToPrepare: String? {
    let values = entries.flatMap(\.values)
    return defaultModel.flatMap { values.contains($0) ? $0 : nil } ?? values.first
  }

  public subscript(_ id: String) -> Entry? { indexByID[id].map { entries[$0] } }

  /// ` (did you mean "…"?)`, or nothing.
  public func hint(for name: String) -> String {
    // The commonest mistake is to leave the prefix out.
    if let entry = entries.first(where: { $0.values.contains(name) }) { return " (did you mean \"\(entry.id)\"?)" }
    return suggestion(for: name, among: entries.map(\.id))
  }
}

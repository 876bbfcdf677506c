/// Where a parameter stands in a request. Noted for every value, but made into a text for errors only.
struct ParameterPath {
  private var message: Int?
  /// Of the message's content.
  private var part: Int?
  /// An object within the request or the part.
  private var object: StaticString?

  /// The request's own members.
  static let request = ParameterPath()

  static func message(_ index: Int) -> ParameterPath { ParameterPath(message: index) }
  func part(_ index: Int) -> ParameterPath { ParameterPath(message: message, part: index) }
  func object(_ name: StaticString) -> ParameterPath { ParameterPath(message: message, part: part, object: name) }

  /// `messages[0].content[1].image_url`, for errors.
  var text: String {
    var names: [String] = []
    if let message { names.append("messages[\(message)]") }
    if let part { names.append("content[\(part)]") }
    if let object { names.append("\(object)") }
    return names.joined(separator: ".")
  }

  /// The text of a member's path.
  func member(_ name: StaticString) -> String {
    let text = text
    return text.isEmpty ? "\(name)" : "\(text).\(name)"
  }
}

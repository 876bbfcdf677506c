/// A request that is refused as it stands: what to answer, in OpenAI's terms.
public struct RequestError: Error, Equatable, Sendable {
  /// Values of `error.code` for requests.
  public enum Code: String, Sendable {
    case invalidJSON = "invalid_json"
    case invalidValue = "invalid_value"
    case unsupportedParameter = "unsupported_parameter"
    case invalidImage = "invalid_image"
    case tooManyFiles = "too_many_files"
  }
  public var code: Code
  public var message: String
  /// Path of the parameter at fault: `messages[2].content`.
  public var param: String?

  public init(_ code: Code, _ message: String, param: String? = nil) {
    (self.code, self.message, self.param) = (code, message, param)
  }

  static func wrongType(_ param: String, expected: String, got value: JSONKindName) -> RequestError {
    RequestError(.invalidValue, "Invalid type for '\(param)': expected \(expected), but got \(value.text) instead.", param: param)
  }
}

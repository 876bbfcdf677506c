/// Why a response cannot be read. The connection is of no further use.
public enum HTTPResponseError: Error, Equatable, Sendable {
  /// Which rule was broken, in words.
  case malformed(String)
  /// Header lines, 1xx responses and trailers are longer than the limit together.
  case headerTooLarge
  /// A transfer coding other than `chunked`; none was asked for (RFC 9110, section 10.1.4).
  case unsupportedTransferCoding

  public var words: String {
    switch self {
    case .malformed(let reason): reason
    case .headerTooLarge: "the header is too long"
    case .unsupportedTransferCoding: "a transfer coding that nobody asked for"
    }
  }

  /// What is shared with requests fails in their words.
  init(_ error: HTTPRequestError) {
    switch error {
    case .malformed(let reason): self = .malformed(reason)
    case .headerTooLarge: self = .headerTooLarge
    case .unsupportedTransferCoding: self = .unsupportedTransferCoding
    case .targetTooLong, .bodyTooLarge, .unsupportedVersion: self = .malformed("\(error)")
    }
  }
}

import Foundation
import Testing
import Wire

@testable import OpenAI

extension String {
  func withRawBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R { try Array(utf8).withUnsafeBytes(body) }
}

/// A JSON text as Foundation reads it, so that what we write is checked by somebody else's parser.
func foundationObject(_ text: some StringProtocol) throws -> [String: Any] {
  try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
}

func decode(_ body: String, limits: RequestLimits = RequestLimits()) throws(RequestError) -> ChatRequest {
  try ChatRequest.decode(ByteBuffer(body), limits: limits)
}

/// A request with these members beside the least that is needed.
func request(_ members: String, messages: String = #"[{"role":"user","content":"hi"}]"#) -> String {
  #"{"model":"m","messages":\#(messages)\#(members.isEmpty ? "" : ",")\#(members)}"#
}

func failure(_ body: String, limits: RequestLimits = RequestLimits()) -> RequestError? {
  do throws(RequestError) {
    _ = try decode(body, limits: limits)
    return nil
  } catch {
    return error
  }
}

/// What is refused, in short: `invalid_value messages[0].content`.
func refusal(_ body: String, limits: RequestLimits = RequestLimits()) -> String? {
  failure(body, limits: limits).map { "\($0.code.rawValue) \($0.param ?? "-")" }
}

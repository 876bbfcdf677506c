import Testing
import Wire

@testable import XSTech

@Suite("Envelopes") struct EnvelopeTests {
  private func read(_ text: String) -> String {
    text.withRawBytes { bytes in
      Envelope.read(bytes) { outcome in
        switch outcome {
        case .success(let data): "success \(data.map { String(decoding: $0.raw, as: UTF8.self) } ?? "-")"
        case .failure(let code, let message): "failure \(code) \(message)"
        case .malformed: "malformed"
        }
      }
    }
  }

  @Test(arguments: [
    (#"{"code":0,"data":{"id":1},"msg":""}"#, #"success {"id":1}"#), (#"{"data":[1]}"#, "success [1]"),
    (#"{"code":0}"#, "success -"),
    (#"{"code":0,"data":null,"msg":"ok"}"#, "success null"), (#"{"code":7,"data":null,"msg":"登录已过期"}"#, "failure 7 登录已过期"),
    (#"{"code":1,"msg":"m","err":"e"}"#, "failure 1 e"), (#"{"code":1,"message":"x"}"#, "failure 1 x"),
    (#"{"code":"1"}"#, "failure 1 "),
    (#"{"code":true}"#, "failure -1 "), ("", "malformed"), ("<html>", "malformed"), ("[]", "malformed"), (#""x""#, "malformed"),
    ("null", "malformed"),
    (#"{"code":0,"data":{}"#, "malformed"), (#"{"code":1,"code":0,"data":2}"#, "success 2"),
  ]) func everyForm(_ text: String, _ expected: String) { #expect(read(text) == expected) }
}

import Foundation
import Testing
import XSTech

@Suite("Accounts' tokens") struct AccountTokenTests {
  /// A JWT with this payload; `padded`: as some libraries write it against RFC 7515.
  private static func token(_ payload: String, padded: Bool = false) -> String {
    let parts = [#"{"alg":"HS256","typ":"JWT"}"#, payload].map { part in
      let text = Data(part.utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
      return padded ? text : text.replacing("=", with: "")
    }
    return parts.joined(separator: ".") + ".c2lnbmF0dXJl"
  }

  @Test(arguments: ["", "Bearer ", "bearer ", "BEARER "]) func readsWhoseAndHowLong(_ prefix: String) {
    for (payload, user, end) in [
      (#"{"userId":23756,"exp":1767225600}"#, "23756", 1_767_225_600), (#"{"exp":5,"userId":"abc"}"#, "abc", 5),
      (#"{"userId":1}"#, "1", nil), (#"{"exp":0}"#, nil, 0), (#"{"exp":-1}"#, nil, -1), ("{}", nil, nil),
      (#"{"userId":"你好?>~é","exp":"soon"}"#, "你好?>~é", nil), (#"{"userId":null,"exp":null}"#, nil, nil),
      (#"{"userId":[1],"exp":{}}"#, nil, nil),
    ] as [(String, String?, Int?)] {
      let token = AccountToken(prefix + Self.token(payload))
      #expect(token.userID == user, "\(payload)")
      #expect(token.expiresAt == end, "\(payload)")
    }
  }

  @Test(arguments: [
    "", "opaque", "Bearer opaque", "a.b", "a.b.c", "a.b.c.d", "..", "...", "a.!!!!.c", token("[1]"), token("null"), token("{"),
    token(#"{"userId":1}"#) + ".more",
  ]) func whatIsNoJWTTellsNothing(_ text: String) {
    let token = AccountToken(text)
    #expect(token.userID == nil && token.expiresAt == nil)
  }
}

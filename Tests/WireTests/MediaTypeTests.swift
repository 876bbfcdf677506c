import Testing
import Wire

@Suite("Media types") struct MediaTypeTests {
  @Test(arguments: [
    ("", MediaType.none), (";charset=utf-8", .none), (" ", .none), ("application/json", .json), ("Application/JSON;x", .json),
    ("application/json ;x", .json), ("text/event-stream", .eventStream), ("TEXT/Event-Stream; charset=utf-8", .eventStream),
    ("text/html; charset=gbk", .html), ("application/problem+JSON", .basedOnJSON), ("+json", .basedOnJSON), ("json", .other),
    ("application/jsonx", .other), ("text/event-streams", .other), ("text/plain; a=application/json", .other), ("a/b+jso", .other),
  ]) func kinds(_ text: String, _ type: MediaType) { #expect(MediaType(text) == type) }
}

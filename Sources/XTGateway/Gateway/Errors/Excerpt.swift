/// The beginning of a text that a client chose, for a log line or an error: enough to recognise it.
func excerpt(_ text: String) -> String {
  let longest = 128
  guard text.utf8.count > longest else { return text }
  return text.unicodeScalars.prefix(longest).reduce(into: "") { $0.unicodeScalars.append($1) } + "…"
}

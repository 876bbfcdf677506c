/// ` (did you mean "…"?)` for the nearest of `words`, if one is near; empty otherwise.
public func suggestion(for word: String, among words: [String]) -> String {
  // Nobody mistypes more, and to compare a word of megabytes with every other takes seconds.
  guard word.utf8.count <= 256 else { return "" }
  let limit = max(2, word.count / 3)
  let nearest = words.map { ($0, editDistance(word, $0, limit: limit)) }.min { $0.1 < $1.1 }
  guard let nearest, nearest.1 <= limit else { return "" }
  return " (did you mean \"\(nearest.0)\"?)"
}

/// Levenshtein's distance; anything above `limit` comes back as `limit + 1`.
func editDistance(_ a: String, _ b: String, limit: Int) -> Int {
  let (a, b) = (Array(a.utf8), Array(b.utf8))
  guard abs(a.count - b.count) <= limit else { return limit + 1 }
  var row = Array(0...b.count)
  for (i, x) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, y) in b.enumerated() {
      let substitution = diagonal + (x == y ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(substitution, min(row[j], row[j + 1]) + 1)
    }
  }
  return min(row[b.count], limit + 1)
}

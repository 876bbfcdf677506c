package enum SSEError: Error, Equatable { case lineTooLong(limit: Int) }

/// Splits an event stream into events (WHATWG HTML, "Server-sent events"); hands out only their `data`.
/// Resumable at any byte. An event that lies whole in what was fed, with one `data` line, is handed out in place, uncopied.
package struct SSEDecoder {
  /// - Parameter maxLineBytes: longest line, and longest data of one event.
  package init(maxLineBytes: Int) { fatalError("stub") }
  /// Hands each complete event's data to `onData` (valid during the call); stops at once, dropping the rest, when it returns false.
  package mutating func feed(_ bytes: UnsafeRawBufferPointer, _ onData: (UnsafeRawBufferPointer) -> Bool) throws(SSEError) {
    fatalError("stub")
  }
  /// Data of an event whose lines were complete when the stream ended but whose blank line was missing. The standard drops
  /// it; a caller who would rather not lose text may take it. An unfinished last line counts as complete here.
  package mutating func finish(_ onData: (UnsafeRawBufferPointer) -> Bool) { fatalError("stub") }
}

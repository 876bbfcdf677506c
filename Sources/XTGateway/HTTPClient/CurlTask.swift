import CCurl

/// What libcurl is given to do with one easy handle: a connection to be made, or a whole transfer.
class CurlTask {
  enum Stage {
    /// Not yet known to libcurl. Next: `running`, `ended`.
    case waiting
    /// Next: `ended`.
    case running
    /// Final.
    case ended
  }

  final var stage = Stage.waiting
  /// From its beginning on; after its end whoever was told of that owns it.
  final var easy: EasyHandle?
  /// Where the multi handle keeps it while it runs.
  final var index = 0

  /// Sets everything that concerns the task; the first option that libcurl refuses is thrown.
  func prepare(_ easy: EasyHandle) throws(EasyOptionError) { preconditionFailure("abstract") }

  /// It is over, or could not even begin. Comes once, not after `CurlMulti.cancel`, and never from within `CurlMulti.start`.
  func didEnd(_ code: CURLcode, _ details: String) { preconditionFailure("abstract") }
}

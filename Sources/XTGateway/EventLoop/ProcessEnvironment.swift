import CUV

/// The process's environment variables.
public enum ProcessEnvironment {
  /// All of them, in no particular order (`uv_os_environ`).
  public static func all() throws(UVError) -> [(name: String, value: String)] {
    var items: UnsafeMutablePointer<uv_env_item_t>?
    var count: Int32 = 0
    let result = uv_os_environ(&items, &count)
    guard result == 0 else { throw UVError(code: result) }
    defer { uv_os_free_environ(items, count) }
    return UnsafeBufferPointer(start: items, count: Int(count)).map { (String(cString: $0.name), String(cString: $0.value)) }
  }
}

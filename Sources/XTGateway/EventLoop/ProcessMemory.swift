import CUV

/// The memory of the whole process.
public enum ProcessMemory {
  /// Gives back free heap memory, and the pages of code that is not in use; those that are used again come back from the page cache.
  /// Takes a few milliseconds.
  public static func release() { cuv_release_memory() }
}

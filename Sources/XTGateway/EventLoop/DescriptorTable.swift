import CUV

/// What a thread's descriptors stand for; shared by all threads, unless one has left.
public enum DescriptorTable {
  /// Gives the calling thread a table of its own, with the standard descriptors alone. What it opens from now on is open for no other
  /// thread, and the other way round.
  /// - Returns: false if the kernel does not know how (before Linux 5.9) or a container forbids it. The table is shared then, as ever.
  @discardableResult public static func leave() -> Bool { cuv_own_descriptors() == 0 }
}

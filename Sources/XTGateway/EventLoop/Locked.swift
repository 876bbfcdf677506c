import CUV

/// A value that several threads share. Whoever holds the lock calls nothing that waits.
///
/// `Synchronization.Mutex` would do the same; but where two threads meet it goes through the kernel's hand-over (FUTEX_LOCK_PI), which
/// ThreadSanitizer does not see, so that everything guarded by it would be reported. Public, since the optimizer makes no special copies
/// of another module's generic functions otherwise.
public final class Locked<Value: Sendable>: @unchecked Sendable {
  @usableFromInline let lock = Lock()
  // Guarded by the lock, which the run-time check for overlapping accesses knows nothing of.
  @usableFromInline @exclusivity(unchecked) var value: Value

  public init(_ value: Value) { self.value = value }

  /// Not to be nested on the same object.
  @inlinable public func withLock<R>(_ body: (inout Value) -> R) -> R {
    lock.lock()
    defer { lock.unlock() }
    return body(&value)
  }
}

@usableFromInline final class Lock: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<uv_mutex_t>

  @usableFromInline init() {
    mutex = .allocate(capacity: 1)
    UVError.mustSucceed(uv_mutex_init(mutex), "uv_mutex_init")
  }

  deinit {
    uv_mutex_destroy(mutex)
    mutex.deallocate()
  }

  @usableFromInline func lock() { uv_mutex_lock(mutex) }
  @usableFromInline func unlock() { uv_mutex_unlock(mutex) }
}

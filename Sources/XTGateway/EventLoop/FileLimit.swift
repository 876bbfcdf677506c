#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Raises the limit of open files to what the system allows, as every connection is one; returns how many that are, nil if unknown.
@discardableResult public func raiseFileLimit() -> Int? {
  #if canImport(Glibc)
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  #else
    let resource = RLIMIT_NOFILE
  #endif
  var limit = rlimit()
  guard getrlimit(resource, &limit) == 0 else { return nil }
  guard limit.rlim_cur < limit.rlim_max else { return Int(clamping: limit.rlim_cur) }
  let before = limit.rlim_cur
  limit.rlim_cur = limit.rlim_max
  return Int(clamping: setrlimit(resource, &limit) == 0 ? limit.rlim_max : before)
}

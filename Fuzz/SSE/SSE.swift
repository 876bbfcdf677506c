import FuzzSupport
import Wire

/// Event streams: the same events however they are cut, and those of the standard's algorithm.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = UnsafeRawBufferPointer(start: bytes, count: count)
  var splits = Splits(for: input)
  let limit = splits.next(below: 2) == 0 ? 1 << 20 : 24
  let stopsAfter = splits.next(below: 4) == 0 ? 2 : Int.max

  let whole = Reading(input, parts: count > 0 ? [count] : [], limit: limit, stopsAfter: stopsAfter)
  for _ in 0..<3 {
    let split = Reading(input, parts: splits.parts(of: count), limit: limit, stopsAfter: stopsAfter)
    require(whole == split, "\(whole) and \(split)")
  }
  require(whole.events.allSatisfy { $0.count <= limit }, "no event is longer than the limit")
  if limit > count && stopsAfter == Int.max {
    require(!whole.isTooLong && whole.events == reference(input), "the standard's algorithm gives \(reference(input))")
  }
  return 0
}

private struct Reading: Equatable {
  var events: [[UInt8]] = []
  var isTooLong = false
  /// What `finish` gave out.
  var last: [UInt8]?

  init(_ input: UnsafeRawBufferPointer, parts: [Int], limit: Int, stopsAfter: Int) {
    var decoder = SSEDecoder(maxLineBytes: limit)
    var reading = self
    forEachPart(parts, of: input) { part in
      do throws(SSEError) {
        try decoder.feed(part) { data in
          require(reading.events.count < stopsAfter, "nothing comes after the stop")
          reading.events.append(Array(data))
          return reading.events.count < stopsAfter
        }
      } catch {
        reading.isTooLong = true
      }
      return true
    }
    decoder.finish { data in
      require(reading.events.count < stopsAfter && !reading.isTooLong, "nothing comes after the stop")
      reading.last = Array(data)
      return true
    }
    self = reading
  }
}

/// WHATWG HTML, "Interpreting an event stream", with nothing but clarity in mind.
private func reference(_ stream: UnsafeRawBufferPointer) -> [[UInt8]] {
  var rest = stream[...]
  if rest.starts(with: [0xEF, 0xBB, 0xBF]) { rest = rest.dropFirst(3) }
  var events: [[UInt8]] = []
  var data: [UInt8] = []
  while let end = rest.firstIndex(where: { $0 == 0x0A || $0 == 0x0D }) {
    let line = rest[..<end]
    rest = rest[end...].starts(with: [0x0D, 0x0A]) ? rest[(end + 2)...] : rest[(end + 1)...]
    if line.isEmpty {
      if !data.isEmpty { events.append(data.dropLast()) }
      data = []
      continue
    }
    let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
    guard line[..<colon].elementsEqual("data".utf8) else { continue }
    var value = line[colon...].dropFirst()
    if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
    data += value + [0x0A]
  }
  return events
}

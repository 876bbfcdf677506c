import Wire

/// A JSON kind as error messages call it.
struct JSONKindName {
  let text: String

  init(_ kind: JSONValue.Kind) {
    switch kind {
    case .object: text = "an object"
    case .array: text = "an array"
    case .string: text = "a string"
    case .number: text = "a number"
    case .true, .false: text = "a boolean"
    case .null: text = "null"
    }
  }
}

/// Typed access to an object's members; `null` counts as absent, a wrong type is an error that names the path.
struct Fields {
  private let object: JSONValue
  private let filter: JSONNameFilter
  /// Of the object itself.
  let place: ParameterPath

  init(_ object: JSONValue, at place: ParameterPath, filter: JSONNameFilter = .passesAll) {
    (self.object, self.place, self.filter) = (object, place, filter)
  }

  func path(_ name: StaticString) -> String { place.member(name) }

  @inline(__always) func value(_ name: StaticString) -> JSONValue? { filter.mayHold(name) ? present(name) : nil }

  private func present(_ name: StaticString) -> JSONValue? {
    guard let value = object[name], value.kind != .null else { return nil }
    return value
  }

  func string(_ name: StaticString) throws(RequestError) -> String? {
    guard let value = value(name) else { return nil }
    guard let text = value.string else { throw .wrongType(path(name), expected: "a string", got: .init(value.kind)) }
    return text
  }

  func bool(_ name: StaticString) throws(RequestError) -> Bool? {
    guard let value = value(name) else { return nil }
    guard let bool = value.bool else { throw .wrongType(path(name), expected: "a boolean", got: .init(value.kind)) }
    return bool
  }

  func number(_ name: StaticString, in range: ClosedRange<Double>) throws(RequestError) -> Double? {
    guard let value = value(name) else { return nil }
    guard let number = value.double else { throw .wrongType(path(name), expected: "a number", got: .init(value.kind)) }
    guard range.contains(number) else {
      throw RequestError(
        .invalidValue, "Invalid value for '\(path(name))': expected a number between \(range.lowerBound) and \(range.upperBound).",
        param: path(name))
    }
    return number
  }

  func integer(_ name: StaticString, in range: ClosedRange<Int>) throws(RequestError) -> Int? {
    guard let value = value(name) else { return nil }
    guard value.kind == .number else { throw .wrongType(path(name), expected: "an integer", got: .init(value.kind)) }
    guard let number = value.int, range.contains(number) else {
      let upper = range.upperBound == Int.max ? "" : " and at most \(range.upperBound)"
      throw RequestError(
        .invalidValue, "Invalid value for '\(path(name))': expected an integer of at least \(range.lowerBound)\(upper).",
        param: path(name))
    }
    return number
  }

  func array(_ name: StaticString) throws(RequestError) -> JSONValue? {
    guard let value = value(name) else { return nil }
    guard value.kind == .array else { throw .wrongType(path(name), expected: "an array", got: .init(value.kind)) }
    return value
  }

  func object(_ name: StaticString) throws(RequestError) -> Fields? {
    guard let value = value(name) else { return nil }
    guard value.kind == .object else { throw .wrongType(path(name), expected: "an object", got: .init(value.kind)) }
    return Fields(value, at: place.object(name))
  }
}

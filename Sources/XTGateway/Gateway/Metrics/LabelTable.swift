/// Values by label, for labels that are few: looking through them costs less than hashing one. Those of which the program has the same
/// literal are equal at the first glance.
struct LabelTable<Label: Equatable & Sendable, Value: Sendable>: Sendable {
  private var entries: [(label: Label, value: Value)] = []

  /// Changes the value of `label`, which is `initial` before the first time.
  @inline(__always) mutating func update(_ label: Label, initial: @autoclosure () -> Value, _ change: (inout Value) -> Void) {
    let index = entries.firstIndex { $0.label == label } ?? add(label, initial())
    change(&entries[index].value)
  }

  subscript(_ label: Label) -> Value? { entries.first { $0.label == label }?.value }

  /// In the order of the labels.
  func sorted(by isLess: (Label, Label) -> Bool) -> [(label: Label, value: Value)] {
    entries.sorted { isLess($0.label, $1.label) }
  }

  /// Takes in what another table has, with `combine` for labels that both have.
  mutating func merge(_ other: LabelTable, initial: @autoclosure () -> Value, _ combine: (inout Value, Value) -> Void) {
    for (label, value) in other.entries { update(label, initial: initial()) { combine(&$0, value) } }
  }

  private mutating func add(_ label: Label, _ value: Value) -> Int {
    entries.append((label, value))
    return entries.count - 1
  }
}

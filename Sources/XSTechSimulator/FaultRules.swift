/// Faults that wait for requests: from the command line and from the control endpoint. A pure value.
struct FaultRules {
  struct Rule {
    var faults: Faults
    /// As it was written, for `/_stats`.
    var text: String
    /// nil: every account.
    var account: String?
    /// A call's name; nil: every call.
    var call: String? = Call.completion.rawValue
    /// Requests it is still good for; nil: all.
    var count: Int?
  }

  private(set) var rules: [Rule]
  private let initial: [Rule]

  init(_ rules: [Rule]) {
    self.rules = rules
    initial = rules
  }

  mutating func add(_ rule: Rule) { rules.append(rule) }
  mutating func clear() { rules = [] }
  mutating func reset() { rules = initial }

  /// What happens to a request; uses up the rules that apply to it.
  mutating func take(account: String?, call: Call) -> Faults {
    guard !rules.isEmpty else { return Faults() }
    var faults = Faults()
    for index in rules.indices where rules[index].call == nil || rules[index].call == call.rawValue {
      guard rules[index].account == nil || rules[index].account == account else { continue }
      faults.merge(rules[index].faults)
      if let left = rules[index].count { rules[index].count = left - 1 }
    }
    rules.removeAll { $0.count.map { $0 <= 0 } ?? false }
    return faults
  }
}

extension FaultRules.Rule {
  /// Reads `[account=A;][call=C;][count=N;]FAULTS`.
  init(parsing text: String) throws(Faults.Unknown) {
    self.init(faults: Faults(), text: text)
    for part in text.split(separator: ";") {
      if part.hasPrefix("account=") {
        account = String(part.dropFirst(8))
      } else if part.hasPrefix("call=") {
        call = try Self.call(String(part.dropFirst(5)))
      } else if part.hasPrefix("count=") {
        guard let number = number(part.dropFirst(6)) else { throw Faults.Unknown(text: String(part)) }
        count = number
      } else {
        faults.merge(try Faults(parsing: part))
      }
    }
  }

  /// `*` is every call.
  static func call(_ name: String) throws(Faults.Unknown) -> String? {
    if name == "*" { return nil }
    guard let call = Call(rawValue: name) else { throw Faults.Unknown(text: "call=\(name)") }
    return call.rawValue
  }
}

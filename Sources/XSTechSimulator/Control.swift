import Wire

/// The endpoints that a test, not a client, talks to.
extension Simulator {
  /// `POST /_control`: every member that it knows is carried out; anything else is a mistake.
  func control(_ body: ByteBuffer) -> Answer {
    do {
      let document = try JSONDocument(parsing: body.bytes)
      let root = document.root
      guard root.kind == .object else { return Self.mistake("an object is expected") }
      if root["clear"]?.bool == true { faults.clear() }
      if let fault = root["fault"]?.string {
        var rule = FaultRules.Rule(faults: try Faults(parsing: fault), text: fault)
        rule.account = root["account"]?.string
        if let call = root["call"]?.string { rule.call = try FaultRules.Rule.call(call) }
        rule.count = root["count"]?.int
        faults.add(rule)
      }
      if let name = root["revoke"]?.string, !accounts.revoke(name) { return Self.mistake("no account \(name)") }
      if let credits = root["credits"]?.int, (0...1_000_000_000).contains(credits) {
        guard let index = root["account"]?.string.flatMap({ accounts.index(named: $0) }) else { return Self.mistake("account") }
        accounts.setCredits(index, usable: credits)
      }
      try behave(root)
      return .json { $0.okay() }
    } catch let unknown as Faults.Unknown {
      return Self.mistake("unknown: \(unknown.text)")
    } catch { return Self.mistake("\(error)") }
  }

  private func behave(_ root: JSONValue) throws {
    for (key, value) in root.members {
      switch (key.string, value.double, value.bool) {
      case ("pieces", let number?, _): behaviour.pieces = Int(min(max(0, number), 1_000_000))
      case ("piece_bytes", let number?, _): behaviour.pieceBytes = Int(min(max(1, number), 65536))
      case ("interval_ms", let number?, _): behaviour.intervalMilliseconds = min(max(0, number), 3_600_000)
      case ("first_ms", let number?, _): behaviour.firstMilliseconds = min(max(0, number), 3_600_000)
      case ("reasoning", _, let flag?): behaviour.reasoning = flag
      case ("prompt_echo", _, let flag?): behaviour.promptEcho = flag
      case ("clear", _, _), ("fault", _, _), ("account", _, _), ("call", _, _), ("count", _, _), ("revoke", _, _),
        ("credits", _, _):
        break
      default: throw Faults.Unknown(text: key.string ?? "")
      }
    }
  }

  private static func mistake(_ text: String) -> Answer {
    .json(status: 400) { json in
      json.beginObject()
      json.member("error", text)
      json.endObject()
    }
  }

  /// `POST /_reset`: sessions, statistics, credits, faults and behaviour as at the start. What is running goes on.
  func reset() -> Answer {
    sessions.removeAll()
    accounts.resetCredits()
    faults.reset()
    stats.reset()
    log.clear()
    pacer.resetLateness()
    behaviour = initialBehaviour
    return .json { $0.okay() }
  }

  /// `GET /_stats`.
  func statsAnswer() -> Answer {
    .json { json in
      json.beginObject()
      json.member("uptime_ms", Int((Clock.monotonicMicroseconds() - begun) / 1000))
      json.member("sessions", sessions.count)
      json.key("completions")
      json.beginObject()
      json.counts(stats.total)
      json.member("busy_refusals", stats.busyRefusals)
      json.member("most_per_session", stats.mostPerSession)
      json.endObject()
      json.member("pieces", stats.pieces)
      json.member("late_max_us", Int(pacer.latest))
      json.member("unauthorized", stats.unauthorized)
      json.member("unknown_paths", stats.unknownPaths)
      json.key("calls")
      json.beginObject()
      for call in Call.allCases { json.counter(call.rawValue, stats.calls[call] ?? 0) }
      json.endObject()
      json.key("accounts")
      json.beginArray()
      for index in accounts.all.indices { json.account(accounts.all[index], sessions.count(of: index), stats.accounts[index]) }
      json.endArray()
      json.key("faults")
      json.beginArray()
      for rule in faults.rules { json.rule(rule) }
      json.endArray()
      json.endObject()
    }
  }

  /// `GET /_sessions`.
  func sessionsAnswer() -> Answer {
    .json { json in
      json.beginArray()
      for session in sessions.all {
        let account = accounts.all[session.account]
        json.sessionDump(session, account: account.name, uid: account.id)
      }
      json.endArray()
    }
  }
}

extension JSONWriter {
  fileprivate mutating func okay() {
    beginObject()
    member("ok", true)
    endObject()
  }

  fileprivate mutating func counter(_ name: String, _ value: Int) {
    key(name)
    int(value)
  }

  fileprivate mutating func account(_ account: Accounts.Account, _ sessions: Int, _ counts: Stats.PerAccount?) {
    beginObject()
    member("name", account.name)
    member("uid", account.id)
    member("sessions", sessions)
    member("sessions_created", counts?.sessionsCreated ?? 0)
    member("sessions_deleted", counts?.sessionsDeleted ?? 0)
    member("credits_used", account.used)
    member("credits_left", account.usable)
    self.counts(counts ?? Stats.PerAccount())
    endObject()
  }

  fileprivate mutating func rule(_ rule: FaultRules.Rule) {
    beginObject()
    member("fault", rule.text)
    for (name, value) in [("account", rule.account), ("call", rule.call)] {
      key(name)
      if let value { string(value) } else { null() }
    }
    key("count")
    if let count = rule.count { int(count) } else { null() }
    endObject()
  }
}

import Wire

/// `GET /metrics`: every family is there from the start.
struct MetricsPage {
  private let core: GatewayCore
  private let statuses: [WorkerStatus]
  private let metrics: Metrics
  private let text = MetricsText()

  /// - Parameter statuses: every loop's.
  init(_ core: GatewayCore, _ statuses: [WorkerStatus]) {
    (self.core, self.statuses) = (core, statuses)
    var metrics = Metrics()
    for status in statuses { metrics.add(status.metrics) }
    self.metrics = metrics
  }

  private func sum(_ count: (WorkerStatus) -> Int) -> Double { Double(statuses.reduce(0) { $0 + count($1) }) }

  func render() -> ByteBuffer {
    writeRequests()
    writeUpstream()
    writeAccounts()
    writeConversations()
    writeProcess()
    return text.buffer
  }

  private func writeRequests() {
    text.family("xtgateway_requests_total", .counter, "Requests answered.")
    for (labels, count) in metrics.requests.sorted(by: { ($0.route, $0.status) < ($1.route, $1.status) }) {
      text.sample(
        "xtgateway_requests_total",
        [("route", labels.route), ("status", String(labels.status)), ("stream", labels.isStream ? "true" : "false")], count)
    }
    text.single("xtgateway_requests_in_flight", .gauge, "Chats under way.", sum(\.runningChats))
    text.family("xtgateway_time_to_first_token_seconds", .histogram, "From a request's head to its first piece of text.")
    text.histogram("xtgateway_time_to_first_token_seconds", [], metrics.timeToFirstToken)
    text.family("xtgateway_request_duration_seconds", .histogram, "From a request's head to the end of its answer.")
    for (route, histogram) in metrics.durations.sorted(by: <) {
      text.histogram("xtgateway_request_duration_seconds", [("route", route)], histogram)
    }
    text.family("xtgateway_piece_interval_seconds", .histogram, "Between pieces of one answer, as they come from the upstream.")
    text.histogram("xtgateway_piece_interval_seconds", [], metrics.pieceInterval)
    text.single("xtgateway_pieces_total", .counter, "Pieces of text from the upstream.", Double(metrics.pieces))
    text.single("xtgateway_sent_bytes_total", .counter, "Bytes sent to clients.", sum(\.sentBytes))
    text.family("xtgateway_failures_total", .counter, "Requests that failed, by whose fault.")
    for blame in Blame.allCases {
      text.sample("xtgateway_failures_total", [("blame", blame.rawValue)], metrics.failures[blame] ?? 0)
    }
  }

  private func writeUpstream() {
    text.family("xtgateway_upstream_requests_total", .counter, "Calls to the upstream, by what became of them.")
    for (labels, count) in metrics.calls.sorted(by: { ($0.call, $0.outcome) < ($1.call, $1.outcome) }) {
      text.sample("xtgateway_upstream_requests_total", [("call", labels.call), ("outcome", labels.outcome)], count)
    }
    text.family("xtgateway_upstream_duration_seconds", .histogram, "How long calls to the upstream took.")
    for (call, histogram) in metrics.callDurations.sorted(by: <) {
      text.histogram("xtgateway_upstream_duration_seconds", [("call", call)], histogram)
    }
    text.single("xtgateway_retries_total", .counter, "Further attempts at a request, for whatever reason.", Double(metrics.retries))
    text.single("xtgateway_failovers_total", .counter, "Further attempts on another account.", Double(metrics.failovers))
    text.single("xtgateway_queue_length", .gauge, "Requests that wait for an account.", Double(core.desk.read { $0.waiting }))
    text.family("xtgateway_queue_wait_seconds", .histogram, "How long requests waited for an account.")
    text.histogram("xtgateway_queue_wait_seconds", [], metrics.queueWait)
  }

  private func writeAccounts() {
    let (now, unixNow) = (core.loop.now, Timestamp.unixSeconds)
    let accounts = core.desk.read { pool in pool.accounts.filter { !$0.isDraining || $0.inFlight > 0 } }
    func gauge(_ name: StaticString, _ help: StaticString, _ value: (Account) -> Double?) {
      text.family(name, .gauge, help)
      for account in accounts {
        if let value = value(account) { text.sample(name, suffix: "", [("account", account.name)], value) }
      }
    }
    text.family("xtgateway_account_state", .gauge, "1 for the state that an account is in.")
    for account in accounts {
      for state in Account.stateNames {
        text.sample(
          "xtgateway_account_state", [("account", account.name), ("state", state)], account.stateName == state ? 1 : 0)
      }
    }
    gauge("xtgateway_account_in_flight", "Requests on an account.") { Double($0.inFlight) }
    gauge("xtgateway_account_capacity", "Requests that an account takes at a time.") { Double($0.capacity) }
    gauge("xtgateway_account_cooldown_seconds", "Until an account comes back by itself; 0: it is there.") {
      $0.restsUntil.map { $0 > now ? Double($0 - now) / 1000 : 0 } ?? 0
    }
    gauge("xtgateway_account_token_seconds_left", "Until an account's token ends, where that is known.") {
      $0.tokenExpiresAt.map { Double($0 - unixNow) }
    }
    gauge("xtgateway_account_credits", "Credits that an account has left, where that is known.") {
      $0.credits.map(Double.init)
    }
  }

  private func writeConversations() {
    let (live, prepared, statistics) = core.shared.sessions.withLock { ($0.table.count, $0.reserve.count, $0.statistics.copy) }
    text.single("xtgateway_conversations", .gauge, "Live conversations that nobody uses just now.", Double(live))
    text.family(
      "xtgateway_conversation_lookups_total", .counter, "Look-ups of conversations; a replay follows a miss that has a history.")
    let lookups = [
      ("hit", statistics.hits), ("miss", statistics.misses), ("replay", statistics.replays),
    ]
    for (result, count) in lookups { text.sample("xtgateway_conversation_lookups_total", [("result", result)], count) }
    text.family("xtgateway_conversations_ended_total", .counter, "Conversations whose session was given up, by reason.")
    for reason in SessionStore.EndReason.allCases {
      text.sample("xtgateway_conversations_ended_total", [("reason", reason.rawValue)], statistics.ended[reason] ?? 0)
    }
    text.single("xtgateway_prepared_sessions", .gauge, "Sessions made ahead.", Double(prepared))
  }

  private func writeProcess() {
    let process = ProcessStatistics()
    text.family("xtgateway_loop_lag_seconds", .gauge, "How late a loop came to its last timer.")
    for (worker, status) in statuses.enumerated() {
      text.sample("xtgateway_loop_lag_seconds", suffix: "", [("worker", String(worker))], status.loopLag)
    }
    text.family("xtgateway_loop_busy_ratio", .gauge, "The part of the last second that a loop worked.")
    for (worker, status) in statuses.enumerated() {
      text.sample("xtgateway_loop_busy_ratio", suffix: "", [("worker", String(worker))], status.loopBusyRatio)
    }
    text.single("xtgateway_connections", .gauge, "Open client connections.", sum(\.connections))
    text.single(
      "xtgateway_log_lines_dropped_total", .counter, "Log lines that could not be written.", Double(core.sink.droppedLines))
    text.family("xtgateway_build_info", .gauge, "Always 1; the version is a label.")
    text.sample("xtgateway_build_info", [("version", gatewayVersion)], 1)
    text.single("process_resident_memory_bytes", .gauge, "Resident memory.", Double(process.residentBytes))
    text.single("process_open_fds", .gauge, "Open file descriptors.", Double(process.openDescriptors))
    text.single("process_max_fds", .gauge, "Most file descriptors that may be open.", Double(process.maxDescriptors))
    text.single("process_cpu_seconds_total", .counter, "User and system time.", process.cpuSeconds)
    text.single("process_start_time_seconds", .gauge, "Start, in seconds since 1970.", process.startTime)
  }
}

import Wire

/// The calls of an account that stream nothing.
extension Simulator {
  private static let sessionPage = 30
  private static let recordPage = 10

  func answer(_ call: Call, _ account: Int, _ id: Int?, _ query: String?, _ body: ByteBuffer) -> Answer {
    do {
      switch call {
      case .modelList: return .success { $0.modelList() }
      case .sessionCreate: return try createSession(account, body)
      case .sessionReplace: return try replaceSession(id ?? 0, account, body)
      case .sessionList: return listSessions(account, Query(query))
      case .sessionDelete: return try deleteSessions([id ?? 0], account)
      case .sessionBatchDelete: return try deleteSessions(Query(query).ids ?? [], account)
      case .contextClear: return try clearContext(id ?? 0, account)
      case .recordList: return try listRecords(id ?? 0, account, Query(query))
      case .userInfo: return userInfo(account)
      case .userPlan: return userPlan(account, Query(query))
      case .completion, .login, .openAIModels, .openAIChat: return .failure(404, "not found", status: 404)
      }
    } catch let failure as SessionStore.Failure {
      return Self.refusal(failure)
    } catch let invalid as SessionSettings.Invalid {
      return .failure(400, "参数错误: \(invalid.field)")
    } catch {
      return .failure(400, "参数错误: \(error)")
    }
  }

  static func refusal(_ failure: SessionStore.Failure) -> Answer {
    switch failure {
    case .notFound: .failure(404, "会话不存在")
    case .full: .failure(400, "会话数量已达上限")
    case .busy: .failure(400, "当前会话正在生成中，请等待完成")
    }
  }

  private func createSession(_ account: Int, _ body: ByteBuffer) throws -> Answer {
    var settings = SessionSettings()
    if !body.isEmpty {
      let document = try JSONDocument(parsing: body.bytes)
      // Only these of the object count when a session is made.
      let given = try SessionSettings(document.root)
      (settings.model, settings.plugins, settings.mcp, settings.webSearch) = (
        given.model, given.plugins, given.mcp, given.webSearch
      )
    }
    let session = try sessions.create(account: account, settings: settings, now: Clock.unixSeconds())
    stats.update(account) { $0.sessionsCreated += 1 }
    return .success { $0.session(session, uid: accounts.all[account].id) }
  }

  private func replaceSession(_ id: Int, _ account: Int, _ body: ByteBuffer) throws -> Answer {
    let document = try JSONDocument(parsing: body.bytes)
    let settings = try SessionSettings(document.root)
    let session = try sessions.replace(id, of: account, with: settings, now: Clock.unixSeconds())
    return .success { $0.session(session, uid: accounts.all[account].id) }
  }

  private func listSessions(_ account: Int, _ query: Query) -> Answer {
    let uid = accounts.all[account].id
    return .success { json in
      json.page(sessions.list(of: account), number: query.page, size: Self.sessionPage) { $0.session($1, uid: uid) }
    }
  }

  private func deleteSessions(_ ids: [Int], _ account: Int) throws -> Answer {
    guard !ids.isEmpty else { return .failure(400, "参数错误: ids") }
    for id in ids {
      // One that is gone already does no harm in a batch.
      do {
        try sessions.delete(id, of: account)
        stats.update(account) { $0.sessionsDeleted += 1 }
      } catch { if ids.count == 1 { throw error } }
    }
    return .nothing
  }

  private func clearContext(_ id: Int, _ account: Int) throws -> Answer {
    let record = try sessions.clearContext(id, of: account, now: Clock.unixSeconds())
    return .success { $0.record(record, session: id) }
  }

  private func listRecords(_ id: Int, _ account: Int, _ query: Query) throws -> Answer {
    let session = try sessions.session(id, of: account)
    return .success { json in
      json.page(session.records.reversed(), number: query.page, size: Self.recordPage) { $0.record($1, session: id) }
    }
  }

  private func userInfo(_ account: Int) -> Answer {
    .success { json in
      json.beginObject()
      json.member("id", accounts.all[account].id)
      json.member("nickname", accounts.all[account].name)
      json.member("email", "\(accounts.all[account].name)@example.com")
      json.member("role", "user")
      json.endObject()
    }
  }

  private func userPlan(_ index: Int, _ query: Query) -> Answer {
    let account = accounts.all[index]
    return .success { json in
      json.page([account], number: query.page, size: 10) { json, account in
        json.beginObject()
        json.member("id", account.id)
        json.member("total", account.total)
        json.member("use", account.used)
        json.member("usable", account.usable)
        json.member("isExpire", false)
        json.member("expire", Clock.text(Clock.unixSeconds() + 30 * 86400))
        json.endObject()
      }
    }
  }

  func login(_ body: UnsafeRawBufferPointer) -> Answer {
    guard let root = try? JSONDocument(parsing: body).root, let name = root["account"]?.string,
      let password = root["password"]?.string
    else { return .failure(400, "参数错误: account") }
    guard let login = accounts.login(account: name, password: password, now: Clock.unixSeconds()) else {
      return .failure(400, "账号或密码错误")
    }
    return .success { json in
      json.beginObject()
      json.member("token", login.token)
      json.member("id", accounts.all[login.index].id)
      json.member("email", "\(name)@example.com")
      json.member("role", "user")
      json.endObject()
    }
  }
}

/// A session in the hands of one exchange.
struct SessionHold {
  var session: LiveSession
  /// It knows nothing of the conversation yet.
  let isFresh: Bool
  /// Once the upstream has been told anything, what the session knows is certain only after a proper end.
  var isTouched: Bool

  /// Just made.
  init(made session: LiveSession) { (self.session, isFresh, isTouched) = (session, true, true) }
  /// Made ahead, and so far nobody's.
  init(prepared session: LiveSession) { (self.session, isFresh, isTouched) = (session, true, false) }
  /// Taken from the table: it knows the conversation's history.
  init(taken session: LiveSession) { (self.session, isFresh, isTouched) = (session, false, false) }

  func need(for query: ChatQuery, model: String) -> ChatExchangeState.SessionNeed {
    session.needsUpdate(to: session.settings(for: query, model: model)) ? .update : .none
  }
}

/// What loops tell each other. Everything in it is a value.
public enum WorkerMessage: Sendable {
  /// To a loop: what its waiters got through another's doing.
  case grants([AccountPool.Grant])
  /// To all: what came of fetching the models.
  case models(ModelDirectory.Answer)
  /// To all: another configuration; what the loops share has it already.
  case configuration(Configuration)
  /// To a loop: its status is wanted by another.
  case statusWanted(by: Int, query: Int)
  case status(WorkerStatus, of: Int, query: Int)
  /// To the first loop, which does what is done once for all.
  case background(BackgroundTask)
  /// To and from the first loop, which leads the way to the end.
  case shutdown(ShutdownStep)
}

/// What one loop alone does for all.
public enum BackgroundTask: Sendable {
  /// Somebody waits for the first list of models.
  case fetchModels
  /// The upstream does not accept an account's token.
  case renewToken(AccountPool.AccountIndex, generation: Int)
  /// A session is of no use any more.
  case delete(session: Int, AccountPool.AccountIndex)
  /// The upstream's time on an account is known: crashed gateways may have left something there.
  case sweep(AccountPool.AccountIndex)
}

/// What one loop counts by itself.
public struct WorkerStatus: Sendable {
  var metrics = Metrics()
  var runningChats = 0
  /// Sessions in the hands of running chats.
  var heldSessions = 0
  var connections = 0
  var sentBytes = 0
  /// In seconds.
  var loopLag = 0.0
  /// 0 to 1.
  var loopBusyRatio = 0.0
}

/// One loop's list of models, and who waits for the first one.
public final class ModelDirectory {
  public typealias Answer = Result<ModelCatalog, GatewayError>

  public private(set) var catalog: ModelCatalog?
  private var waiting: [(Answer) -> Void] = []
  /// Asks for a fetch, whose answer comes through `receive`.
  var requestFetch: () -> Void = {}
  /// Called once, when there is a list for the first time.
  var onFirstCatalog: (() -> Void)?

  public init() {}

  /// Answers at once from the list at hand; while there is none, when the fetch under way is over.
  public func withCatalog(_ body: @escaping (Answer) -> Void) {
    if let catalog { return body(.success(catalog)) }
    waiting.append(body)
    requestFetch()
  }

  /// No fetch comes any more, and who still waits is let go.
  func close() { waiting = [] }

  /// What came of a fetch. After a failure the last list stays in use.
  func receive(_ answer: Answer) {
    if case .success(let catalog) = answer { self.catalog = catalog }
    let bodies = waiting
    waiting = []
    for body in bodies { body(answer) }
    guard catalog != nil, let tell = onFirstCatalog else { return }
    onFirstCatalog = nil
    tell()
  }
}

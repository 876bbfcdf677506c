import OpenAI

/// Which images a request may hold.
enum FileRules {
  /// How many files one message to a model may hold. A conversation may have images from before it came to a model that takes none.
  static func maxFiles(for entry: ModelCatalog.Entry, _ catalog: ModelCatalog) -> Int { entry.takesImages ? catalog.maxFiles : 0 }

  static func check(_ query: ChatQuery, catalog: ModelCatalog, entry: ModelCatalog.Entry) -> RequestError? {
    guard query.newTurns.contains(where: { !$0.images.isEmpty }) else { return nil }
    let images = query.newTurns.flatMap(\.images)
    guard let last = images.last else { return nil }
    if !entry.takesImages {
      return RequestError(.invalidImage, "The model '\(query.model)' does not take images.", param: last.param)
    }
    if images.count > catalog.maxFiles {
      return RequestError(
        .tooManyFiles, "Too many images: \(images.count) in this turn, but at most \(catalog.maxFiles) can be sent.",
        param: images[catalog.maxFiles].param)
    }
    if let large = images.first(where: { $0.byteCount > catalog.maxImageBytes }) {
      return RequestError(
        .invalidImage, "Invalid image in '\(large.param)': larger than the limit of \(catalog.maxImageBytes) bytes.",
        param: large.param)
    }
    return nil
  }
}

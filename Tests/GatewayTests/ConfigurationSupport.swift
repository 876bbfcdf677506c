@testable import Gateway

/// Loads a file's text and an environment.
func load(_ file: String? = nil, _ environment: [(name: String, value: String)] = []) throws(ConfigurationErrors)
  -> Configuration
{
  try ConfigurationLoader.load(file: file.map { ("config.json", Array($0.utf8)) }, environment: environment)
}

func mistakes(_ file: String? = nil, _ environment: [(name: String, value: String)] = []) -> [String] {
  do throws(ConfigurationErrors) {
    _ = try load(file, environment)
    return []
  } catch {
    return error.mistakes
  }
}

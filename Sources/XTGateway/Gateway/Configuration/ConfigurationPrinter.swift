import Wire

extension Configuration {
  /// The effective configuration as a JSON document of the form that is loaded, secrets masked.
  public var text: String {
    let buffer = ByteBuffer()
    buffer.append("{")
    var path: [Substring] = []
    var isFirst = true
    for key in ConfigurationTable.keys.sorted(by: { Self.order($0.name) < Self.order($1.name) }) {
      let parts = key.name.split(separator: ".")
      let group = Array(parts.dropLast())
      if group != path {
        if !path.isEmpty { buffer.append("\n  }") }
        if !group.isEmpty { line(&isFirst, indent: 1, name: group[0], to: buffer); buffer.append("{"); isFirst = true }
        path = group
      }
      line(&isFirst, indent: parts.count, name: parts[parts.count - 1], to: buffer)
      var writer = JSONWriter(buffer)
      key.write(self, &writer)
    }
    buffer.append(path.isEmpty ? "\n}\n" : "\n  }\n}\n")
    return buffer.text
  }

  /// Plain keys first, then group by group, in the table's order.
  private static func order(_ name: String) -> Int {
    let index = ConfigurationTable.keys.firstIndex { $0.name == name } ?? 0
    let parts = name.split(separator: ".")
    guard parts.count > 1 else { return index }
    let group = ConfigurationTable.keys.firstIndex { $0.name.hasPrefix(parts[0] + ".") } ?? 0
    return 10_000 + group * 100 + index
  }

  private func line(_ isFirst: inout Bool, indent: Int, name: Substring, to buffer: ByteBuffer) {
    buffer.append(isFirst ? "\n" : ",\n")
    isFirst = false
    buffer.append(String(repeating: "  ", count: indent))
    buffer.append("\"")
    buffer.append(name)
    buffer.append("\": ")
  }

  /// The documentation's table of every key.
  public static var documentation: String {
    let defaults = Configuration()
    var text = "| key | type | default | meaning |\n|---|---|---|---|\n"
    for key in ConfigurationTable.keys {
      let buffer = ByteBuffer()
      var writer = JSONWriter(buffer)
      key.write(defaults, &writer)
      text += "| `\(key.name)` | \(key.typeName) | `\(buffer.text)` | \(key.documentation) |\n"
    }
    return text
  }
}

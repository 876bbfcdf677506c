import Wire

/// Writes Prometheus' text format, version 0.0.4.
struct MetricsText {
  enum Kind: String { case counter, gauge, histogram }

  typealias Labels = [(name: StaticString, value: String)]

  let buffer = ByteBuffer(capacity: 16_384)

  func family(_ name: StaticString, _ kind: Kind, _ help: StaticString) {
    buffer.append("# HELP ")
    buffer.append(name)
    buffer.append(" ")
    buffer.append(help)
    buffer.append("\n# TYPE ")
    buffer.append(name)
    buffer.append(" ")
    buffer.append(kind.rawValue)
    buffer.append("\n")
  }

  func sample(_ name: StaticString, suffix: StaticString = "", _ labels: Labels = [], _ value: Double) {
    buffer.append(name)
    buffer.append(suffix)
    if !labels.isEmpty {
      buffer.append("{")
      for (index, label) in labels.enumerated() {
        if index > 0 { buffer.append(",") }
        buffer.append(label.name)
        buffer.append("=\"")
        append(escaped: label.value)
        buffer.append("\"")
      }
      buffer.append("}")
    }
    buffer.append(" ")
    append(value)
    buffer.append("\n")
  }

  func sample(_ name: StaticString, _ labels: Labels = [], _ value: Int) { sample(name, labels, Double(value)) }

  /// A family with one sample.
  func single(_ name: StaticString, _ kind: Kind, _ help: StaticString, _ value: Double) {
    family(name, kind, help)
    sample(name, value)
  }

  private func sample(_ name: StaticString, _ value: Double) { sample(name, suffix: "", [], value) }

  func histogram(_ name: StaticString, _ labels: Labels, _ histogram: Histogram) {
    for (bound, count) in zip(histogram.bounds, histogram.cumulative) {
      sample(name, suffix: "_bucket", labels + [("le", Self.text(bound))], Double(count))
    }
    sample(name, suffix: "_bucket", labels + [("le", "+Inf")], Double(histogram.count))
    sample(name, suffix: "_sum", labels, histogram.sum)
    sample(name, suffix: "_count", labels, Double(histogram.count))
  }

  private func append(_ value: Double) {
    if let whole = Int(exactly: value) { buffer.append(decimal: whole) } else { buffer.append(Self.text(value)) }
  }

  private static func text(_ value: Double) -> String {
    if let whole = Int(exactly: value) { return String(whole) }
    return value.isFinite ? "\(value)" : value > 0 ? "+Inf" : "NaN"
  }

  private func append(escaped value: String) {
    for byte in value.utf8 {
      switch byte {
      case UInt8(ascii: "\\"): buffer.append("\\\\")
      case UInt8(ascii: "\""): buffer.append("\\\"")
      case UInt8(ascii: "\n"): buffer.append("\\n")
      default: buffer.append(byte)
      }
    }
  }
}

/// The head of a response. Values are cleaned: control bytes, CR and LF included, become spaces, so that nothing can be injected.
public struct HTTPResponseHead {
  public var status: Int
  /// Field lines, each with its CRLF.
  private var lines: [UInt8] = []

  public init(status: Int) { self.status = status }

  public mutating func add(_ name: StaticString, _ value: String) {
    var value = value
    value.withUTF8 { add(name, UnsafeRawBufferPointer($0)) }
  }

  public mutating func add(_ name: StaticString, _ value: StaticString) {
    add(name, UnsafeRawBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
  }

  /// Complete lines, each with its CRLF, made once and reused (`"cache-control: no-cache\r\n"`). Not checked.
  public mutating func add(lines text: StaticString) {
    if lines.isEmpty { lines.reserveCapacity(512) }
    lines.append(contentsOf: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  private mutating func add(_ name: StaticString, _ value: UnsafeRawBufferPointer) {
    if lines.isEmpty { lines.reserveCapacity(512) }
    let length = name.utf8CodeUnitCount
    // Put together first: to append to an array costs more than the few bytes of most lines.
    withUnsafeTemporaryAllocation(byteCount: length + value.count + 4, alignment: 1) { line in
      line.copyMemory(from: UnsafeRawBufferPointer(start: name.utf8Start, count: length))
      line[length] = UInt8(ascii: ":")
      line[length + 1] = UInt8(ascii: " ")
      UnsafeMutableRawBufferPointer(rebasing: line[(length + 2)...]).copyMemory(from: value)
      line[line.count - 2] = HTTPCharacters.carriageReturn
      line[line.count - 1] = HTTPCharacters.lineFeed
      if HTTPCharacters.hasControl(value) {
        for index in (length + 2)..<(line.count - 2) where line[index] < 0x20 || line[index] == 0x7F { line[index] = 0x20 }
      }
      lines.append(contentsOf: UnsafeRawBufferPointer(line))
    }
  }

  /// Appends the status line and the field lines, without the empty line at the end.
  public func encode(into buffer: ByteBuffer) {
    if status == 200 {
      buffer.append("HTTP/1.1 200 OK\r\n")
    } else {
      buffer.append("HTTP/1.1 ")
      buffer.append(decimal: status)
      buffer.append(" ")
      buffer.append(HTTPStatus.reason(status))
      buffer.append("\r\n")
    }
    buffer.append(lines)
  }
}

public enum HTTPStatus {
  /// The reason phrase of the status codes in use here (RFC 9110, section 15; RFC 6585); empty for others.
  public static func reason(_ status: Int) -> StaticString {
    switch status {
    case 100: "Continue"
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 304: "Not Modified"
    case 307: "Temporary Redirect"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 402: "Payment Required"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 406: "Not Acceptable"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 411: "Length Required"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 415: "Unsupported Media Type"
    case 417: "Expectation Failed"
    case 422: "Unprocessable Content"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    default: ""
    }
  }

  /// Whether a response of this status never has a body (RFC 9110, section 6.4.1).
  public static func hasNoBody(_ status: Int) -> Bool { (100..<200).contains(status) || status == 204 || status == 304 }
}

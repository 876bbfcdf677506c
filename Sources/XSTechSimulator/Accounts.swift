import Wire

/// Who may use the simulator, and what they have left. A pure value.
struct Accounts {
  struct Account {
    /// The service's user number.
    let id: Int
    let name: String
    let password: String?
    /// Tokens of an earlier generation are revoked; only tokens that the simulator can read (JWTs) have one.
    var generation = 0
    /// Credits bought and used.
    var total: Int
    var used = 0
    var usable: Int { total - used }
  }

  enum Failure: Error { case missing, unknown, expired }

  private enum Claim { case account(Int), token(account: Int, expires: Int, generation: Int) }

  private(set) var all: [Account] = []
  private var claims: [String: Claim] = [:]
  private var byName: [String: Int] = [:]
  private var byID: [Int: Int] = [:]
  private let credits: Int
  private let tokenSeconds: Int

  /// - Parameters:
  ///   - count: accounts with the opaque tokens `token-1` … `token-N`.
  ///   - logins: `user:password`.
  ///   - credits: what every account begins with.
  ///   - tokenSeconds: how long the token of a login is good.
  init(count: Int, tokens: [String], logins: [String], credits: Int, tokenSeconds: Int) {
    (self.credits, self.tokenSeconds) = (credits, tokenSeconds)
    for number in 0..<count { add(opaque: "token-\(number + 1)") }
    for token in tokens { add(opaque: token) }
    for login in logins {
      let parts = login.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      _ = add(id: 23756 + all.count, name: String(parts[0]), password: parts.count > 1 ? String(parts[1]) : "")
    }
  }

  private mutating func add(opaque token: String) {
    guard claims[token] == nil else { return }
    claims[token] = .account(add(id: 23756 + all.count, name: token, password: nil))
  }

  private mutating func add(id: Int, name: String, password: String?) -> Int {
    all.append(Account(id: id, name: name, password: password, total: credits))
    byName[name] = all.count - 1
    byID[id] = all.count - 1
    return all.count - 1
  }

  /// The index of the account that an `authorization` header stands for, with or without `Bearer`.
  mutating func authenticate(_ header: String?, now: Int) throws(Failure) -> Int {
    guard let header, !header.isEmpty else { throw .missing }
    let token = header.hasPrefix("Bearer ") ? String(header.dropFirst(7)) : header
    switch claims[token] ?? readToken(token) {
    case nil: throw .unknown
    case .account(let index): return index
    case .token(let index, let expires, let generation):
      guard expires > now, generation >= all[index].generation else { throw .expired }
      return index
    }
  }

  /// A token for an account and its password; nil if they don't match.
  mutating func login(account: String, password: String, now: Int) -> (index: Int, token: String)? {
    guard let index = byName[account], let right = all[index].password, right == password else { return nil }
    let payload =
      #"{"userId":\#(all[index].id),"role":"user","iat":\#(now),"nbf":\#(now),"exp":\#(now + tokenSeconds),"#
      + #""generation":\#(all[index].generation)}"#
    return (index, "\(Self.tokenHeader).\(base64URL(payload)).\(Self.tokenSignature)")
  }

  /// `{"alg":"none","typ":"JWT"}` and `simulator`.
  static let tokenHeader = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"
  static let tokenSignature = "c2ltdWxhdG9y"

  /// A JWT that a test built itself counts as long as its signature is the simulator's; its user comes into being with it.
  private mutating func readToken(_ token: String) -> Claim? {
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[2] == Self.tokenSignature else { return nil }
    guard let payload = Array(parts[1].utf8).withUnsafeBytes({ Base64.decodeURL($0) }) else { return nil }
    let fields: (user: Int, expires: Int, generation: Int)? = payload.withUnsafeBytes { bytes in
      guard let root = try? JSONDocument(parsing: bytes).root, let user = root["userId"]?.int else { return nil }
      return (user, root["exp"]?.int ?? Int.max, root["generation"]?.int ?? Int.max)
    }
    guard let fields else { return nil }
    let index = byID[fields.user] ?? add(id: fields.user, name: "user-\(fields.user)", password: nil)
    let claim = Claim.token(account: index, expires: fields.expires, generation: fields.generation)
    claims[token] = claim
    return claim
  }

  /// Revokes the tokens that logins gave out so far.
  mutating func revoke(_ name: String) -> Bool {
    guard let index = byName[name] else { return false }
    all[index].generation += 1
    return true
  }

  func index(named name: String) -> Int? { byName[name] }

  /// Takes the price of a message; false if there are not so many credits left.
  mutating func charge(_ index: Int, _ credits: Int) -> Bool {
    guard all[index].usable >= credits else { return false }
    all[index].used += credits
    return true
  }

  mutating func setCredits(_ index: Int, usable: Int) { all[index].total = all[index].used + usable }

  mutating func resetCredits() {
    for index in all.indices { (all[index].total, all[index].used) = (credits, 0) }
  }
}

/// Base64url without padding (RFC 4648, section 5).
private func base64URL(_ text: String) -> String {
  let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
  var out: [UInt8] = []
  var (bits, count) = (0, 0)
  for byte in text.utf8 {
    bits = (bits << 8 | Int(byte)) & 0xFFFF
    count += 8
    while count >= 6 {
      count -= 6
      out.append(alphabet[bits >> count & 63])
    }
  }
  if count > 0 { out.append(alphabet[bits << (6 - count) & 63]) }
  return String(decoding: out, as: UTF8.self)
}

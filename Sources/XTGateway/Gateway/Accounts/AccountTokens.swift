import EventLoop
import Synchronization

/// The tokens in use, by account, for every loop's upstream client.
///
/// A loop may lease an account through the pool before any message about it can arrive; so tokens are not sent around, but looked up
/// here as soon as the version has changed. A token is set before the pool hears of it.
public final class AccountTokens: Sendable {
  private let texts: Locked<[String]>
  private let changes = Atomic(0)

  public init(_ texts: [String]) { self.texts = Locked(texts) }

  /// Changes with every token.
  public var version: Int { changes.load(ordering: .acquiring) }

  public var all: [String] { texts.withLock { $0 } }

  /// The next one behind the last is a new account.
  public func set(_ token: String, account: AccountPool.AccountIndex) {
    texts.withLock { texts in
      if account == texts.count { texts.append(token) } else { texts[account] = token }
    }
    changes.add(1, ordering: .releasing)
  }
}

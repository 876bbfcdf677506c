/// Who asks: one of the API keys, or anybody where none are configured.
struct ClientIdentity {
  /// Where the key stands among the configured ones; -1: anybody.
  let index: Int
  /// The key's name, for logs.
  let name: String?
  /// The beginning of every conversation's digest: conversations of two keys never meet.
  let digest: ConversationKey
}

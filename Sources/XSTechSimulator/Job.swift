import Wire

/// One accepted completion: what was asked, what is answered, and what goes wrong.
struct Job {
  /// Index of the account; nil for a caller in OpenAI's form.
  var account: Int?
  /// 0 for a caller in OpenAI's form.
  var session = 0
  var recordID = 0
  var userText = ""
  var files: [Upload] = []
  var model = ""
  var usage = Usage()
  var faults = Faults()
  var script: ChatScript
  var writer: EventWriter
  var pace: Pace

  /// In microseconds.
  struct Pace {
    var first: UInt64 = 0
    var interval: UInt64 = 0
    /// Pieces in one write where there is no interval.
    var batch = 16
  }

  /// What the answer was, as the history keeps it.
  func record(_ text: String, pieces: Int, now: Int) -> Record {
    var record = Record(id: recordID, created: now)
    record.userText = userText
    record.aiText = text
    record.model = model
    record.files = files.count
    record.usage = usage
    record.usage.completion = pieces
    return record
  }
}

/// What became of a completion.
enum Outcome { case finished, failed, cancelled }

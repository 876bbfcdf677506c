import CUV
import Wire

/// A libuv error code and its words ("EADDRINUSE: address already in use").
package struct UVError: Error, Equatable, Sendable, CustomStringConvertible {
  package let code: Int32
  package init(code: Int32) { self.code = code }
  package var name: String { fatalError("stub") }
  package var description: String { fatalError("stub") }
}

/// Work put off to the end of the running callback of the loop.
package protocol DeferredWork: AnyObject {
  func runDeferred()
}

/// One libuv loop and its thread. Not Sendable: everything that hangs on a loop is confined to the thread that runs it.
package final class EventLoop {
  package init() throws(UVError) { fatalError("stub") }
  /// Runs until `stop()` or until nothing is left to wait for.
  package func run() { fatalError("stub") }
  package func stop() { fatalError("stub") }
  /// Closes what the loop owns itself and runs it until every handle is closed; traps in debug builds if one was left open.
  package func close() { fatalError("stub") }
  /// Milliseconds on a monotonic clock, as of the beginning of this turn.
  package var now: UInt64 { fatalError("stub") }
  /// Runs `work` once when the callback that is running now has ended (before the loop goes on), in order. Work enqueued by
  /// such work runs in the same place. Outside of any callback it runs at the beginning of the next turn.
  package func enqueue(_ work: any DeferredWork) { fatalError("stub") }
  /// The one door for other threads.
  package var inbox: LoopInbox { fatalError("stub") }
}

/// Jobs for a loop from other threads. Does not keep the loop alive.
package final class LoopInbox: Sendable {
  init() {}
  /// Runs `job` on the loop's thread soon; returns false if the loop is closed (the job is dropped).
  @discardableResult package func post(_ job: @escaping @Sendable () -> Void) -> Bool { fatalError("stub") }
}

/// A timer. Keeps itself and its callback alive until `close()`; one close is owed for every init.
package final class LoopTimer {
  package init(loop: EventLoop, _ callback: @escaping () -> Void) { fatalError("stub") }
  /// Fires once after `milliseconds` (0: in the next turn), or every `repeating` ms after that. Starting again restarts.
  package func start(after milliseconds: UInt64, repeating: UInt64 = 0) { fatalError("stub") }
  package func stop() { fatalError("stub") }
  package var isActive: Bool { fatalError("stub") }
  /// Whether it keeps `run()` from returning (default true).
  package func keepsLoopAlive(_ yes: Bool) { fatalError("stub") }
  package func close() { fatalError("stub") }
}

/// Watches a file descriptor that someone else owns (libcurl's sockets).
package final class PollHandle {
  package struct Events: OptionSet, Sendable {
    package let rawValue: Int32
    package init(rawValue: Int32) { self.rawValue = rawValue }
    package static let readable = Events(rawValue: 1), writable = Events(rawValue: 2)
  }
  /// `callback`: which events, and whether libuv reported an error instead (bad status).
  package init(loop: EventLoop, fileDescriptor: Int32, _ callback: @escaping (Events, _ failed: Bool) -> Void) throws(UVError) {
    fatalError("stub")
  }
  package func watch(_ events: Events) { fatalError("stub") }
  package func stop() { fatalError("stub") }
  /// Stops at once; memory goes in the close callback.
  package func close() { fatalError("stub") }
}

/// A signal handler on the loop. Does not keep the loop alive.
package final class SignalHandle {
  package init(loop: EventLoop, signal: Int32, _ callback: @escaping () -> Void) throws(UVError) { fatalError("stub") }
  package func close() { fatalError("stub") }
}

package protocol TCPListenerDelegate: AnyObject {
  func listener(_ listener: TCPListener, didAccept connection: TCPConnection)
  /// accept failed (EMFILE …).
  func listener(_ listener: TCPListener, didFail error: UVError)
}

package final class TCPListener {
  /// `host`: an IPv4 or IPv6 address, or `localhost`. Sets SO_REUSEADDR; `reusePort`: SO_REUSEPORT as well. Taken ports are reported here.
  package init(
    loop: EventLoop, host: String, port: Int, backlog: Int = 1024, reusePort: Bool = false, delegate: any TCPListenerDelegate
  ) throws(UVError) { fatalError("stub") }
  package var port: Int { fatalError("stub") }
  package func close() { fatalError("stub") }
}

package protocol TCPConnectionDelegate: AnyObject {
  /// Bytes arrived, in the loop's shared read buffer: valid during the call only.
  func connection(_ connection: TCPConnection, didRead bytes: UnsafeRawBufferPointer)
  /// The peer ended its sending side.
  func connectionDidReadEnd(_ connection: TCPConnection)
  /// Reading or writing failed (ECONNRESET, EPIPE …); the connection is of no use any more, but still has to be closed.
  func connection(_ connection: TCPConnection, didFail error: UVError)
  /// What `write` was given last has been taken by the socket; the buffer is handed back, empty.
  func connection(_ connection: TCPConnection, didWrite buffer: ByteBuffer)
}

/// An accepted or outgoing TCP connection with TCP_NODELAY. One close (or reset) is owed.
package final class TCPConnection {
  /// Strong; cleared by `close` and `reset`, after which no call comes any more.
  package var delegate: (any TCPConnectionDelegate)?
  init() {}
  /// Opens a connection (for load generators and tests); `connected` gets nil or the error.
  package static func connect(loop: EventLoop, host: String, port: Int, _ connected: @escaping (TCPConnection, UVError?) -> Void)
    throws(UVError) -> TCPConnection
  { fatalError("stub") }
  package var peerAddress: String { fatalError("stub") }
  package func startReading() { fatalError("stub") }
  package func stopReading() { fatalError("stub") }
  /// Writes as much as the socket takes now. Returns the number of bytes taken, 0 if it takes none now or a write is still waiting.
  package func tryWrite(_ bytes: UnsafeRawBufferPointer) throws(UVError) -> Int { fatalError("stub") }
  /// Writes all readable bytes of `buffer`, waiting as needed; the buffer belongs to the connection until `didWrite`. One at a time.
  package func write(_ buffer: ByteBuffer) { fatalError("stub") }
  package var isWriting: Bool { fatalError("stub") }
  /// Ends the sending side once everything is written (FIN), keeps reading.
  package func shutdown() { fatalError("stub") }
  package func close() { fatalError("stub") }
  /// Closes with RST.
  package func reset() { fatalError("stub") }
}

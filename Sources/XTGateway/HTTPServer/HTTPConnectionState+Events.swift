import Wire

// The vocabulary of a connection's policy: where it is, what happens to it, and what is to be done about it.
extension HTTPConnectionState {
  enum Phase: Equatable {
    /// No byte of a request has come. The deadline closes silently. → `head`, `closing`, `closed`.
    case idle
    /// A part of a head has come. → `answering`, `closing`, `closed`.
    case head
    /// A request is being answered. → `idle`, `closing`, `closed`.
    case answering(Body, Response)
    /// The last response is complete and its bytes are leaving; what comes in is dropped. → `lingering`, `closed`.
    case closing(lingers: Bool)
    /// Our side is ended; what comes in is dropped until the client ends its own or the deadline comes. → `closed`.
    case lingering
    /// Final.
    case closed
  }

  /// How far the body of the present request is.
  enum Body: Equatable {
    /// The service has not asked for it. → `reading`, `discarding`, `dropped`.
    case unread
    /// → `complete`, `discarding`, `dropped`.
    case reading(limit: Int)
    /// Nobody wants it, but the next request stands behind it. → `complete`, `dropped`.
    case discarding
    /// Nobody wants it, and the connection closes after the response. Final.
    case dropped
    /// Final.
    case complete
  }

  /// How far the response to the present request is.
  enum Response: Equatable {
    /// → `started`.
    case pending
    /// Its head is on the way. → `complete`.
    case started
    /// Final.
    case complete
  }

  enum Event {
    /// So many bytes came from the socket.
    case received(Int)
    /// Another turn of the loop, which the connection had to wait for (`awaitsTurn`).
    case turnBegan
    /// Bytes are there while `input` is `.head`.
    case headBytes
    case headCompleted(Request)
    /// The head or the body cannot be read.
    case requestFailed(HTTPProblem)
    /// The service wants the body. `hasBytes`: some of what follows the head is there already.
    case bodyWanted(limit: Int, hasBytes: Bool)
    /// So many bytes of the body came, but not its end.
    case bodyBytes(Int)
    case bodyCompleted
    /// A response's head is about to be written. `bodyRemaining`: bytes of the request's body still to come, nil if unknown.
    /// `delimitedByClose`: only the connection's end will tell where the response ends.
    case responseStarted(bodyRemaining: Int?, delimitedByClose: Bool)
    /// The response's last byte is in the output.
    case responseEnded(close: Bool)
    /// Output was offered to the socket. `taken`: it took at least one byte, `unsent`: bytes still here.
    case written(taken: Bool, unsent: Int)
    /// So many bytes came while `input` was `.drop`.
    case dropped(Int)
    /// The client ended its sending side.
    case peerEnded
    /// The socket failed.
    case socketFailed
    /// The service breaks the connection off.
    case aborted
    /// The clock was looked at.
    case clock
    /// The server stops: no connection is used for another request once nothing is in flight.
    case drainStarted
    /// Nothing is in flight in the whole server.
    case drained
    /// The server closes at once.
    case serverClosed
  }

  /// What the policy needs to know of a request.
  struct Request: Equatable {
    var framing: HTTPRequestHead.Framing = .none
    var keepsAlive = true
    var expectsContinue = false
    var hasUnknownExpectation = false
  }

  enum Action: Equatable {
    case none
    /// Hand the request to the service.
    case start
    /// Write `100 Continue`.
    case sendContinue
    /// Hand the body to the service's delegate.
    case deliverBody
    /// Write the service's refusal as the last response of the connection, then end the exchange if there is one.
    case refuse(HTTPProblem)
    /// End the sending side.
    case shutdown
    /// Close; end the exchange if there is one.
    case close
    /// Close with RST; end the exchange if there is one.
    case reset
  }

  /// What to do with bytes that have come.
  enum Input: Equatable { case head, body, discard, keep, drop }
}

import EventLoop
import Foundation
import Wire

@testable import HTTPServer

/// Carries what is not Sendable into a closure of another thread; the test sees to it that only one uses it at a time.
struct OnLoop<Value>: @unchecked Sendable {
  let value: Value
}

/// A server on a free port of 127.0.0.1, on a loop in a thread of its own.
final class TestServer: Sendable {
  typealias Handler = @Sendable (HTTPServerExchange) -> Void

  let port: Int
  private let inbox: LoopInbox
  private let server: OnLoop<HTTPServer>
  private let ended = DispatchSemaphore(value: 0)

  /// `handler` runs on the loop's thread.
  init(_ configuration: HTTPServerConfiguration = .init(), _ handler: @escaping Handler) throws {
    let started = DispatchSemaphore(value: 0)
    let ended = ended
    nonisolated(unsafe) var made: (loop: OnLoop<EventLoop>, server: OnLoop<HTTPServer>, port: Int)?
    let thread = Thread {
      defer { ended.signal() }
      do throws(UVError) {
        let loop = try EventLoop()
        let server = HTTPServer(loop: loop, configuration: configuration, service: TestService(handler))
        try server.listen(host: "127.0.0.1", port: 0)
        made = (OnLoop(value: loop), OnLoop(value: server), server.port)
        started.signal()
        loop.run()
        loop.close()
      } catch {
        print("the test server cannot start: \(error.code)")
        started.signal()
      }
    }
    thread.start()
    started.wait()
    guard let made else { throw UVError(code: -1) }
    (port, server, inbox) = (made.port, made.server, made.loop.value.inbox)
  }

  /// Runs `body` on the loop's thread and waits for it.
  @discardableResult func run<R: Sendable>(_ body: @escaping @Sendable (HTTPServer) -> R) -> R {
    let done = DispatchSemaphore(value: 0)
    nonisolated(unsafe) var result: R?
    let server = server
    inbox.post {
      result = body(server.value)
      done.signal()
    }
    done.wait()
    return result!
  }

  /// Runs `body` on the loop's thread without waiting.
  func post(_ body: @escaping @Sendable (HTTPServer) -> Void) {
    let server = server
    inbox.post { body(server.value) }
  }

  /// Stops the loop until the returned semaphore is signalled, so that what arrives meanwhile is there in one turn; then runs `body`.
  func hold(_ body: @escaping @Sendable (HTTPServer) -> Void = { _ in }) -> DispatchSemaphore {
    let (began, goesOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    post { server in
      began.signal()
      goesOn.wait()
      body(server)
    }
    began.wait()
    return goesOn
  }

  /// Waits until the loop's `condition` holds; a test that waits in vain hangs into the harness's time limit of 10 s.
  func wait(_ what: String, until condition: @escaping @Sendable (HTTPServer) -> Bool) -> Bool {
    for _ in 0..<5000 {
      if run(condition) { return true }
      usleep(2000)
    }
    print("waited in vain: \(what)")
    return false
  }

  /// Closes the server and waits for its loop to end, which checks that no handle was left open.
  func stop() {
    post { $0.close() }
    ended.wait()
  }

  /// Waits for the loop to end by itself.
  func waitForEnd() { ended.wait() }
}

final class TestService: HTTPService {
  private let handler: TestServer.Handler
  init(_ handler: @escaping TestServer.Handler) { self.handler = handler }

  func requestStarted(_ exchange: HTTPServerExchange) { handler(exchange) }

  func refusal(_ problem: HTTPProblem, of exchange: HTTPServerExchange?, peerAddress: String) -> HTTPRefusal {
    HTTPRefusal(
      HTTPResponseHead(status: problem.status), ByteBuffer("refused \(problem.status) \(exchange?.head.path ?? "-")"))
  }
}

/// A delegate made of closures, and a record of what came.
final class TestDelegate: HTTPServerExchangeDelegate {
  var onBody: (HTTPServerExchange, ByteBuffer) -> Void = { _, _ in }
  var onDrain: (HTTPServerExchange) -> Void = { _ in }
  var onClose: (HTTPServerExchange) -> Void = { _ in }

  func exchange(_ exchange: HTTPServerExchange, didReadBody body: ByteBuffer) { onBody(exchange, body) }
  func exchangeDidDrain(_ exchange: HTTPServerExchange) { onDrain(exchange) }
  func exchangeDidClose(_ exchange: HTTPServerExchange) { onClose(exchange) }
}

extension HTTPServerExchange {
  func respond(_ text: String, status: Int = 200) { respond(HTTPResponseHead(status: status), body: ByteBuffer(text)) }

  /// Answers with what the body was.
  func echo(limit: Int = 1 << 20) {
    let delegate = TestDelegate()
    delegate.onBody = { exchange, body in exchange.respond(HTTPResponseHead(status: 200), body: body) }
    self.delegate = delegate
    readBody(limit: limit)
  }
}

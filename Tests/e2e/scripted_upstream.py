"""An upstream that plays a complete exchange from a script, and departs from it at any byte, in any way.

It answers every call of the protocol in full unless a fault was planned for it. A fault is good for one request of one call by one
model, so that many exchanges can go wrong beside each other: each uses a model of its own.
"""

import asyncio
import collections
import dataclasses
import itertools
import json
import socket
import struct
import threading

RESET, END, HALF_CLOSE, SILENCE = "reset", "end", "half-close", "silence"

# Escapes, a character of several bytes and a surrogate pair; one event lies in two chunks, and two in one.
PIECES = ["Hel", "lo, 你好", ' "q"\n', "🎉", " end"]
TEXT = "".join(PIECES)


def headed(body, status="200 OK", content_type="application/json", *fields):
    """A response with a length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", *fields, f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def envelope(data):
    return json.dumps({"code": 0, "data": data, "msg": ""}, separators=(",", ":"), ensure_ascii=False).encode()


def chunked(parts):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def event(value):
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def piece(text):
    return event({"code": 0, "type": "string", "data": text})


def record(session, text, question="?"):
    data = {"id": 1, "sessionId": session, "userText": question, "aiText": text, "promptTokens": 3, "completionTokens": 5, "useTokens": 8}
    return event({"code": 0, "type": "object", "data": data})


DONE = b"data: [DONE]\n\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Server: goamzai-plus/3.1.0\r\nTransfer-Encoding: chunked\r\n\r\n"


def stream_chunks(session):
    one, two, three, four, five = map(piece, PIECES)
    middle = len(three) // 2
    return [one, two + three[:middle], three[middle:], four + five, record(session, TEXT), DONE]


def stream(session):
    return STREAM_HEAD + chunked(stream_chunks(session))


def session_object(number, model):
    return {
        "id": number, "created": "2026-06-04 10:20:23", "updated": "2026-06-04 10:20:23", "uid": 7, "name": "新对话", "model": model,
        "maxToken": 0, "contextCount": 20, "temperature": 0, "presencePenalty": 0, "frequencyPenalty": 0, "prompt": "",
        "plugins": [], "useAppId": 0,
    }  # fmt: skip


@dataclasses.dataclass
class Fault:
    """What happens to one request of `call`: `steps(answer)` gives bytes to send, seconds to wait, or one of the words above.

    Nothing of the usual happens after the steps: the connection is as they leave it."""

    call: str
    steps: object


class Upstream:
    """Runs on the loop that `start` was awaited on."""

    def __init__(self, models=("m0",), ssl=None):
        self.models, self.ssl, self.port = list(models), ssl, 0
        self.faults = collections.defaultdict(list)
        # Model → the session that was made for it last; session → model, as long as it exists.
        self.sessions = {}
        # Message → how often it arrived.
        self.sent = collections.Counter()
        # (call, model) → how often; call → the last usual answer.
        self.calls = collections.Counter()
        self.samples = {}
        self.connections = set()
        self.accepted = 0
        self.on_connect = None
        self._numbers = itertools.count(100_001)
        self._server = None

    async def start(self, port=0):
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Peer(self), "127.0.0.1", port or self.port, ssl=self.ssl, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    @property
    def url(self):
        return f"{'https' if self.ssl else 'http'}://127.0.0.1:{self.port}"

    async def stop(self):
        if self._server:
            self._server.close()
            self._server = None
        self.drop_connections()

    def drop_connections(self, how=END):
        for peer in list(self.connections):
            peer.do(how)

    def is_quiet(self):
        """No planned step is still to come."""
        return not any(peer.waiting for peer in self.connections)

    def plan(self, model, *faults):
        self.faults[model] = list(faults)

    def take(self, model, call):
        planned = self.faults.get(model)
        for index, fault in enumerate(planned or ()):
            if fault.call == call:
                return planned.pop(index)
        return None

    def answer(self, method, target, body):
        """(call's name, model or None, the whole usual answer)."""
        path = target.partition("?")[0]
        if path == "/api/chat/tmpl":
            # Sessions that the gateway makes by itself are not those of the requests.
            models = [{"label": name, "value": name, "attr": {"integral": "1积分"}} for name in ["default", *self.models]]
            return "models", None, headed(envelope({"models": models, "defModel": "default", "mFileCount": 8, "mFileSize": 10}))
        if path == "/api/chat/completions":
            value = json.loads(body)
            session = value["sessionId"]
            self.sent[value["text"]] += 1
            return "completion", self.sessions.get(session), stream(session)
        if path == "/api/chat/session" and method == "POST":
            number, model = next(self._numbers), json.loads(body)["model"]
            return "create", model, headed(envelope(session_object(number, model)))
        if path.startswith("/api/chat/session/") and method == "PUT":
            value = json.loads(body)
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
            whole = envelope(value)
            return "update", value["model"], head + chunked([whole[:40], whole[40:]])
        if path.startswith("/api/chat/session") and method == "DELETE":
            numbers = [part.partition("=")[2] for part in target.partition("?")[2].split("&")] if "?" in target else [path.rpartition("/")[2]]
            for number in numbers:
                self.sessions.pop(int(number), None)
            return "delete", None, headed(envelope(None))
        return "other", None, headed(envelope({"page": 1, "size": 30, "total": 0, "pages": 1, "records": []}))

    def note_created(self, answer):
        """The gateway was told of this session, so it has to delete it."""
        value = json.loads(answer.partition(b"\r\n\r\n")[2])["data"]
        self.sessions[value["id"]] = value["model"]


class Peer(asyncio.Protocol):
    def __init__(self, upstream):
        self.upstream, self.pending, self.transport, self.is_deaf = upstream, b"", None, False
        # Steps that wait for their moment.
        self.waiting = 0

    def connection_made(self, transport):
        self.transport = transport
        self.upstream.accepted += 1
        self.upstream.connections.add(self)
        if self.upstream.on_connect:
            self.upstream.on_connect(self)

    def connection_lost(self, _):
        self.upstream.connections.discard(self)

    def eof_received(self):
        return None

    def data_received(self, data):
        if self.is_deaf:
            return
        self.pending += data
        while not self.is_deaf:
            if self.pending[:1] == b"\x16":
                # TLS, where none is spoken.
                self.is_deaf = True
                self.transport.write(headed(b"", "400 Bad Request"))
                return self.transport.close()
            head, found, rest = self.pending.partition(b"\r\n\r\n")
            if not found:
                return
            length = next((int(line[15:]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"), 0)
            if len(rest) < length:
                return
            self.pending = rest[length:]
            self.serve(head.split(b"\r\n", 1)[0].decode(), rest[:length])

    def serve(self, line, body):
        upstream = self.upstream
        method, target, _ = line.split(" ")
        call, model, answer = upstream.answer(method, target, body)
        upstream.calls[call, model] += 1
        upstream.samples[call] = answer
        fault = upstream.take(model, call) if upstream.faults else None
        if not fault:
            if call == "create":
                upstream.note_created(answer)
            return self.transport.write(answer)
        # After a planned fault the rest is silence, unless the fault says that the connection goes on.
        self.is_deaf = True
        steps = list(fault.steps(answer))
        if call == "create" and b"".join(step for step in steps if isinstance(step, bytes)).startswith(answer):
            upstream.note_created(answer)
        self.play(iter(steps))

    def play(self, steps):
        for step in steps:
            if self.transport is None or self.transport.is_closing():
                return
            if isinstance(step, float):
                self.waiting += 1
                asyncio.get_running_loop().call_later(step, self.play_on, steps)
                return
            self.do(step)

    def play_on(self, steps):
        self.waiting -= 1
        self.play(steps)

    def do(self, step):
        if isinstance(step, bytes):
            self.transport.write(step)
        elif callable(step):
            step(self)
        elif step == RESET:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        elif step == HALF_CLOSE:
            self.transport.write_eof()
        elif step == END:
            self.transport.close()
        else:
            assert step == SILENCE, step

    def listen_again(self):
        """As a step: the connection serves its next request as usual."""
        self.is_deaf = False
        self.data_received(b"")


class Thread:
    """An upstream beside a test that does not run on a loop of its own."""

    def __init__(self, upstream, port=0):
        self.upstream, self.loop = upstream, asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.run(upstream.start(port))

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    def call(self, function, *arguments):
        async def body():
            return function(*arguments)

        return self.run(body())

    def close(self):
        self.run(self.upstream.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(20)
        self.loop.close()

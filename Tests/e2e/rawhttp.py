"""HTTP/1.1 over a plain socket: shows what SDKs hide (each read and its time, the framing, how a connection ends)."""

import json
import socket
import time
from dataclasses import dataclass, field

import evidence


@dataclass
class Response:
    status: int
    reason: str
    headers: list
    body: bytes = b""
    # False: the connection ended before the message did.
    complete: bool = False

    def header(self, name):
        """The value of a header that may stand there once; None if it is absent."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} stands there {len(values)} times"
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)


@dataclass
class Read:
    """What one recv() brought, framing removed."""

    nanoseconds: int
    payload: bytes


class Connection:
    def __init__(self, port, receive_buffer=None, timeout=30):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def request(self, method, path, headers=(), body=None):
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers)]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode() + (body or b""))
        return self

    def post(self, path, key, value, headers=()):
        headers = [("Authorization", f"Bearer {key}"), ("Content-Type", "application/json"), *headers]
        return self.request("POST", path, headers, json.dumps(value).encode())

    def _fill(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def head(self):
        while b"\r\n\r\n" not in self.buffer:
            assert self._fill(), f"the connection ended before the head did: {self.buffer!r}"
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        first, *rest = head.decode("latin-1").split("\r\n")
        version, status, *reason = first.split(" ", 2)
        assert version == "HTTP/1.1", first
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in rest]
        return Response(int(status), reason[0] if reason else "", headers)

    def reads(self, response):
        """The body as it comes; sets `complete` when the message's own end was there."""
        if response.header("transfer-encoding") == "chunked":
            yield from self._chunked(response)
        elif length := int(response.header("content-length") or 0):
            while len(self.buffer) < length:
                if not self._fill():
                    return
            response.complete = True
            body, self.buffer = self.buffer[:length], self.buffer[length:]
            yield Read(time.time_ns(), body)
        else:
            response.complete = True

    def _chunked(self, response):
        decoder = Dechunker()
        data, self.buffer = self.buffer, b""
        stamp = time.time_ns()
        while True:
            payload = decoder.feed(data)
            if payload:
                yield Read(stamp, payload)
            if decoder.ended:
                self.buffer = decoder.rest
                response.complete = True
                return
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                return
            stamp = time.time_ns()
            if not data:
                return

    def response(self, method="GET"):
        response = self.head()
        if method != "HEAD" and response.status not in (204, 304):
            for read in self.reads(response):
                response.body += read.payload
        else:
            response.complete = True
        evidence.answer(response.status, "", repr(response.headers).encode() + response.body)
        return response

    def closed(self):
        """Waits until the peer ended the connection; True if it sent nothing more."""
        try:
            return not self.buffer and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


@dataclass
class Dechunker:
    pending: bytes = b""
    left: int = -1
    ended: bool = False
    rest: bytes = b""
    out: list = field(default_factory=list)

    def feed(self, data):
        self.pending += data
        out = b""
        while not self.ended:
            if self.left < 0:
                line, found, after = self.pending.partition(b"\r\n")
                if not found:
                    break
                self.left, self.pending = int(line.split(b";")[0], 16), after
            if self.left == 0:
                if len(self.pending) < 2:
                    break
                assert self.pending[:2] == b"\r\n", self.pending[:20]
                self.ended, self.rest = True, self.pending[2:]
                break
            if len(self.pending) < self.left + 2:
                break
            out += self.pending[: self.left]
            assert self.pending[self.left : self.left + 2] == b"\r\n"
            self.pending, self.left = self.pending[self.left + 2 :], -1
        return out


@dataclass
class Stream:
    """An event stream taken apart. Gateways write `data:` and comment lines only."""

    data: list = field(default_factory=list)
    comments: list = field(default_factory=list)

    @staticmethod
    def parse(body):
        stream = Stream()
        text = body.decode("utf-8")
        assert text == "" or text.endswith("\n\n"), text[-200:]
        for block in text.split("\n\n")[:-1]:
            assert block and "\n" not in block, f"not one line an event: {block!r}"
            if block.startswith("data: "):
                stream.data.append(block[6:])
            else:
                assert block.startswith(":"), block
                stream.comments.append(block)
        for error in stream.errors:
            evidence.record("answers", json.dumps(error, ensure_ascii=False))
        return stream

    @property
    def done(self):
        return bool(self.data) and self.data[-1] == "[DONE]"

    @property
    def objects(self):
        return [json.loads(data) for data in self.data if data != "[DONE]"]

    @property
    def chunks(self):
        return [value for value in self.objects if "error" not in value]

    @property
    def errors(self):
        return [value["error"] for value in self.objects if "error" in value]

    def text(self, name="content"):
        return "".join(choice["delta"].get(name) or "" for chunk in self.chunks for choice in chunk["choices"])

    @property
    def finish_reasons(self):
        return [c["finish_reason"] for chunk in self.chunks for c in chunk["choices"] if c["finish_reason"] is not None]

"""What three parsers make of the same bytes, in one form: ours, llhttp (Node's, through httptools) and h11.

`clean`: the input ends where a request may begin. `closed`: a request asked for the connection's end, what follows does not count.
`incomplete`: more is awaited. `reject`: refused, with the parser's words.
"""

import json
import re
import subprocess
from dataclasses import dataclass, field

import h11
import httptools


@dataclass
class Message:
    method: str
    target: bytes
    minor: int
    # Names in lower case, values as text: what is not UTF-8 is replaced.
    fields: list
    body: bytes = b""
    complete: bool = False

    def same_as(self, other):
        return (self.method, self.target, self.minor, self.body) == (other.method, other.target, other.minor, other.body)


@dataclass
class Reading:
    messages: list = field(default_factory=list)
    verdict: str = "clean"
    reason: str = ""

    @property
    def complete(self):
        return [message for message in self.messages if message.complete]

    def same_as(self, other):
        mine, theirs = self.complete, other.complete
        return (self.accepts == other.accepts and self.verdict == other.verdict and len(mine) == len(theirs)
                and all(a.same_as(b) and a.fields == b.fields for a, b in zip(mine, theirs)))

    @property
    def accepts(self):
        return self.verdict in ("clean", "closed")


def text(value):
    return value.decode("utf-8", "replace")


ABSOLUTE = re.compile(rb"https?://[^/?]*", re.IGNORECASE)


def origin_form(method, target):
    """The target as our parser gives it: an absolute one without its authority (RFC 9112, sections 3.2.2 and 3.2.4)."""
    rest = ABSOLUTE.sub(b"", target, count=1) if ABSOLUTE.match(target) else target
    if not rest:
        return b"*" if method == "OPTIONS" else b"/"
    return b"/" + rest if rest.startswith(b"?") and rest != target else rest


# ---- ours ----
def ours(program, inputs):
    framed = b"".join(len(data).to_bytes(4, "big") + data for data in inputs)
    lines = subprocess.run([program], input=framed, stdout=subprocess.PIPE, check=True).stdout.splitlines()
    assert len(lines) == len(inputs), f"{len(lines)} verdicts for {len(inputs)} inputs"
    return [_ours(json.loads(line)) for line in lines]


def _ours(line):
    reading = Reading()
    for value in line["messages"]:
        message = Message(value["method"], value["target"].encode(), value["minor"],
                          [(name.lower(), value) for name, value in value["fields"]], bytes.fromhex(value["body"]), value["complete"])
        reading.messages.append(message)
        # The server reads nothing behind the last request of a connection.
        if message.complete and not value["keeps_alive"]:
            reading.verdict = "closed"
            return reading
    end, _, reason = line["end"].partition(": ")
    reading.verdict = {"clean": "clean", "head": "incomplete", "body": "incomplete", "failed": "reject"}[end]
    reading.reason = reason
    return reading


# ---- llhttp ----
class _Events:
    def __init__(self):
        self.parser = httptools.HttpRequestParser(self)
        self.reading = Reading()
        self.begun = False
        self.target, self.fields = b"", []
        self.trailers = False

    def on_message_begin(self):
        self.begun = True
        self.target, self.fields, self.trailers = b"", [], False

    def on_url(self, url):
        self.target += url

    def on_header(self, name, value):
        if not self.trailers:
            self.fields.append((text(name).lower(), text(value.strip(b" \t"))))

    def on_headers_complete(self):
        self.trailers = True
        minor = 0 if self.parser.get_http_version() == "1.0" else 1
        method = text(self.parser.get_method())
        self.reading.messages.append(Message(method, origin_form(method, self.target), minor, self.fields))

    def on_body(self, body):
        self.reading.messages[-1].body += body

    def on_message_complete(self):
        self.begun = False
        self.reading.messages[-1].complete = True
        self.last = not self.parser.should_keep_alive()


def llhttp(data):
    events = _Events()
    reading = events.reading
    try:
        events.parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        reading.verdict = "upgrade"
        return reading
    except httptools.HttpParserError as error:
        reading.verdict, reading.reason = "reject", str(error)
    if reading.messages and reading.messages[-1].complete and events.last:
        reading.verdict, reading.reason = "closed", ""
    elif reading.verdict == "clean" and events.begun:
        reading.verdict = "incomplete"
    return reading


# ---- h11 ----
def h11_reading(data):
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    reading = Reading()
    if not data:
        # To h11 this is the connection's end.
        return reading
    connection.receive_data(data)
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                minor = 0 if event.http_version == b"1.0" else 1
                fields = [(text(name), text(value)) for name, value in event.headers.raw_items()]
                method = text(event.method)
                target = origin_form(method, event.target)
                reading.messages.append(Message(method, target, minor, [(name.lower(), value) for name, value in fields]))
            elif isinstance(event, h11.Data):
                reading.messages[-1].body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                reading.messages[-1].complete = True
                if connection.their_state is h11.MIGHT_SWITCH_PROTOCOL:
                    reading.verdict = "upgrade"
                    return reading
                connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is h11.MUST_CLOSE or connection.their_state is h11.MUST_CLOSE:
                    reading.verdict = "closed"
                    return reading
                connection.start_next_cycle()
            elif event is h11.NEED_DATA:
                idle = not reading.messages or reading.messages[-1].complete
                reading.verdict = "clean" if idle and not connection.trailing_data[0] else "incomplete"
                return reading
            else:
                reading.verdict = "upgrade"
                return reading
    except h11.RemoteProtocolError as error:
        reading.verdict, reading.reason = "reject", str(error)
        return reading

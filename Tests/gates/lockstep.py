"""An upstream and a client in lockstep: nothing is sent before the last thing sent has come out at the other end, so that the gateway
does the same work in every run, however fast the machine is and whatever else it does."""

import json
import queue
import socket
import threading
import time
import urllib.request

MODEL = "openai::gpt-5.5"
# Eight pieces as a model sends them: words, Chinese, and now and then an escape.
PIECES = ["Hello", ", world", "你好，", "这是一个", " test", " of\\n", "the \\\"gate", "way. "]
# Seconds; long for a gateway under valgrind.
PAUSE = 0.01
SETTINGS = {"prompt": "", "temperature": 0, "presencePenalty": 0, "frequencyPenalty": 0, "maxToken": 0, "contextCount": 20}


def read_message(file):
    """One HTTP/1.1 message with a content-length or none: (first line, body); None at the end."""
    first = file.readline()
    if not first:
        return None
    length = 0
    while (line := file.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return first.decode(), file.read(length)


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class Upstream:
    """Serves XSTech's calls. A completion sends one piece, waits until the client has it, and sends the next."""

    HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.pieces = 1
        self.arrived = queue.Queue()
        self.sessions = 0
        self.completions = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.socket.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            self._answer(client, client.makefile("rb"))
        except ConnectionResetError:
            # The gateway ends while an answer is on its way.
            pass

    def _answer(self, client, file):
        while message := read_message(file):
            method, path, _ = message[0].split(" ")
            # Until the gateway waits: whether an answer is there already when libcurl has sent its request makes a difference.
            time.sleep(PAUSE)
            if path == "/api/chat/completions":
                self._complete(client)
                continue
            data = json.dumps({"code": 0, "data": self._data(method, path, message[1]), "msg": ""}).encode()
            client.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(data) + data)

    def _data(self, method, path, body):
        if path == "/api/chat/tmpl":
            return {"models": [{"label": "GPT", "value": MODEL, "attr": {"integral": "1积分"}}]}
        if path == "/api/chat/session" and method == "POST":
            self.sessions += 1
            moment = "2026-01-01 00:00:00"
            return {"id": 1000 + self.sessions, "created": moment, "updated": moment, "name": "", "model": MODEL, "plugins": [], "mcp": [],
                    "webSearch": False, "icon": "", "uid": 1, **SETTINGS}
        if path.startswith("/api/chat/session?"):
            return {"records": [], "pages": 1}
        return None

    def _complete(self, client):
        self.completions += 1
        out = self.HEAD
        for index in range(self.pieces):
            out += chunk(b'data: {"code":0,"type":"string","data":"%s"}\n\n' % PIECES[index % len(PIECES)].encode())
            if self.pieces > 1:
                client.sendall(out)
                out = b""
                self.arrived.get(timeout=60)
                time.sleep(PAUSE / 4)
        text = json.loads('"' + "".join(PIECES[index % len(PIECES)] for index in range(self.pieces)) + '"')
        record = {"code": 0, "type": "object", "data": {"aiText": text, "promptTokens": 9, "completionTokens": 9, "useTokens": 18}}
        client.sendall(out + chunk(b"data: " + json.dumps(record).encode() + b"\n\n") + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")


class Client:
    """One kept connection to the gateway."""

    def __init__(self, port, upstream):
        self.upstream = upstream
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def _send(self, messages, stream):
        body = json.dumps({"model": "xstech-" + MODEL, "messages": messages, "stream": stream}).encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer none\r\ncontent-type: application/json\r\n"
        self.socket.sendall(head + b"accept: */*\r\nuser-agent: gates\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    def ask(self, messages):
        """The answer's text."""
        self._send(messages, False)
        first, body = read_message(self.file)
        assert " 200 " in first, (first, body)
        return json.loads(body)["choices"][0]["message"]["content"]

    def stream(self):
        """Reads one streamed answer of as many pieces as the upstream sends, and tells it of each."""
        self._send([{"role": "user", "content": "hello"}], True)
        pieces = 0
        for line in self.file:
            if b'"content":"' in line and b'"role"' not in line:
                pieces += 1
                self.upstream.arrived.put(None)
            if line.strip() == b"0":
                break
        self.file.readline()
        assert pieces == self.upstream.pieces, f"{pieces} pieces of {self.upstream.pieces} arrived"


def is_up(port):
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
        return True
    except OSError:
        return False

"""The two programs under test, and a client that can do what no library lets one do. The standard library only."""

import asyncio
import json
import os
import pathlib
import re
import resource
import signal
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request

PROJECT = pathlib.Path(__file__).resolve().parents[2]
SIMULATOR = PROJECT / ".build/release/xstech-simulator"
GATEWAY = pathlib.Path(os.environ.get("SOAK_GATEWAY", PROJECT / ".build/release/xtgateway")).resolve()
WORKERS = int(os.environ.get("SOAK_WORKERS") or 1)
KEY = "sk-soak-77c1"
MODEL = "xstech-openai::gpt-5.5"
PATH = "/v1/chat/completions"
CRASHES = re.compile(r"Fatal error|Crash|Assertion|precondition|Sanitizer|Segmentation|stack trace", re.IGNORECASE)
# What `@say` writes: time, number, and characters that are awkward in JSON or in UTF-8.
PIECE = re.compile(r"t=(\d{16});n=(\d{6});你é🎉\"\\\n<好>\.{19}")


def raise_file_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def merged(config, more):
    result = dict(config)
    for key, value in more.items():
        result[key] = merged(result[key], value) if isinstance(value, dict) and isinstance(result.get(key), dict) else value
    return result


class Program:
    """A child with its output in a file; ended by its own pid and no other."""

    def __init__(self, folder, name, arguments, files=None):
        self.name, self.log = name, folder / f"{name}.log"

        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

        with open(self.log, "wb") as out:
            self.process = subprocess.Popen([str(part) for part in arguments], cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            env={"PATH": os.environ.get("PATH", ""), **{k: v for k, v in os.environ.items() if "SAN_" in k}},
                                            preexec_fn=limit if files else None)

    @property
    def text(self):
        return self.log.read_text(errors="replace")

    @property
    def running(self):
        return self.process.poll() is None

    def status(self, name):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE).group(1))

    def memory_kib(self):
        return self.status("VmRSS")

    def peak_kib(self):
        return self.status("VmHWM")

    def descriptors(self, upstream):
        """(all but connections to the port `upstream`, those connections)."""
        folder = pathlib.Path(f"/proc/{self.process.pid}")
        lines = [line.split() for line in (folder / "net/tcp").read_text().splitlines()[1:]]
        upstream_sockets = {f"socket:[{line[9]}]" for line in lines if int(line[2].split(":")[1], 16) == upstream}
        links = []
        for path in (folder / "fd").iterdir():
            try:
                links.append(os.readlink(path))
            except FileNotFoundError:
                # Closed meanwhile.
                continue
        kept = sum(link in upstream_sockets for link in links)
        return len(links) - kept, kept

    def stop(self, seconds=60):
        if self.running:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "killed"


class Simulator(Program):
    def __init__(self, folder, *options):
        super().__init__(folder, "simulator", [SIMULATOR, "--port", "0", "--accounts", "64", "--max-sessions", "100000",
                                               "--credits", "1000000000", *options])
        self.port = int(wait_until(lambda: re.search(r"listening on http://\S+:(\d+)", self.text), "the simulator").group(1))

    def get(self, path):
        return get(self.port, path)[1]

    def sessions(self):
        return self.get("/_stats")["sessions"]


class Gateway(Program):
    def __init__(self, folder, simulator, config=None, files=None):
        self.port = free_port()
        self.config = merged({
            "port": self.port, "api_keys": [KEY], "upstream": {"base_url": f"http://127.0.0.1:{simulator.port}"},
            "cookies": [{"authorization": f"token-{number}"} for number in range(1, 5)], "pool": {"max_concurrency": 64},
            "log": {"level": "warning"}, "workers": WORKERS,
        }, config or {})
        self.path = folder / "gateway.json"
        self.path.write_text(json.dumps(self.config))
        super().__init__(folder, "gateway", [GATEWAY, "serve", "--config", self.path], files)
        wait_until(lambda: get(self.port, "/v1/models")[0] == 200, "the gateway's models", self)

    def reload(self, more):
        """Another configuration, by SIGHUP."""
        self.path.write_text(json.dumps(merged(self.config, more)))
        self.process.send_signal(signal.SIGHUP)

    def health(self):
        return get(self.port, "/health")[1]


def get(port, path):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {KEY}", "Connection": "close"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"null")
    except OSError:
        return 0, None


def wait_until(condition, what, program=None, seconds=30):
    """Polls; the limit only ends what would hang."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if program and not program.running:
            break
        if result := condition():
            return result
        time.sleep(0.05)
    raise AssertionError(f"still waiting: {what}\n{program.text[-3000:] if program else ''}")


# ---- a client ----
class Broken(Exception):
    """The connection ended before the answer did."""


class Client:
    """One connection."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port, receive_buffer=None):
        raw = socket.socket()
        raw.setblocking(False)
        if receive_buffer:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A small limit, so that a client that reads slowly does so down to its socket.
            return cls(*await asyncio.open_connection(sock=raw, limit=receive_buffer or 65536))
        except OSError:
            raw.close()
            raise

    def close(self):
        self.writer.close()

    def reset(self):
        """Ends with RST."""
        raw = self.writer.get_extra_info("socket")
        if raw is not None and raw.fileno() >= 0:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def head(self):
        try:
            text = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Broken(f"no head: {error}") from None
        first, *lines = text.decode("latin-1").split("\r\n")[:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(first.split(" ")[1]), headers

    async def body(self, headers):
        """Yields the body in the parts that it comes in."""
        try:
            if headers.get("transfer-encoding") == "chunked":
                while size := int((await self.reader.readuntil(b"\r\n"))[:-2], 16):
                    left = size
                    while left:
                        part = await self.reader.read(min(left, 65536))
                        if not part:
                            raise Broken("within a chunk")
                        left -= len(part)
                        yield part
                    if await self.reader.readexactly(2) != b"\r\n":
                        raise AssertionError("a chunk does not end where it says")
                if await self.reader.readexactly(2) != b"\r\n":
                    raise AssertionError("trailers that nobody wrote")
            elif length := int(headers.get("content-length", 0)):
                yield await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Broken(f"in the body: {error}") from None

    async def answer(self):
        status, headers = await self.head()
        return status, headers, b"".join([part async for part in self.body(headers)])

    async def ended(self):
        """Everything up to the connection's end."""
        try:
            return await self.reader.read(-1)
        except ConnectionError:
            return b""


def request(value, more=b""):
    body = json.dumps(value).encode()
    return (f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n").encode() + more + b"\r\n" + body


def chat(text, stream=False, **more):
    messages = [{"role": "user", "content": text}] if isinstance(text, str) else text
    return {"model": MODEL, "messages": messages, "stream": stream, **more}


def content(body):
    return json.loads(body)["choices"][0]["message"]["content"]


class Events:
    """An event stream of ours, taken apart strictly: `data:` and comment lines, JSON, one error or one end."""

    def __init__(self):
        self.rest, self.text, self.error, self.finished, self.done = b"", "", None, False, False

    def feed(self, data):
        *events, self.rest = (self.rest + data).split(b"\n\n")
        for event in events:
            if event.startswith(b":"):
                continue
            assert event.startswith(b"data: ") and b"\n" not in event, event
            assert not self.done and not self.error, f"more after the end: {event}"
            if event == b"data: [DONE]":
                self.done = True
                continue
            value = json.loads(event[6:])
            if "error" in value:
                self.error = value["error"]
                continue
            for choice in value["choices"]:
                self.text += choice["delta"].get("content") or ""
                self.finished = self.finished or choice["finish_reason"] == "stop"

    def ended(self):
        """True: properly; False: by an error."""
        assert not self.rest, f"an unfinished event: {self.rest}"
        assert self.error or (self.done and self.finished), f"neither an end nor an error behind {len(self.text)} characters"
        return not self.error


def numbers(text):
    assert PIECE.sub("", text) == "", f"more than pieces: {PIECE.sub('', text)[:200]!r}"
    return [int(found.group(2)) for found in PIECE.finditer(text)]

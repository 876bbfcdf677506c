"""Debian's nginx with TLS between the gateway and its upstream, over HTTP/1.1 and over HTTP/2."""

import asyncio
import getpass
import signal
import time

import programs
import pytest
from async_client import Client
from chat import MODEL, PATH, body, numbers, stream
from programs import API_KEY, wait_until
from proxy import temporary
from rawhttp import Connection, Response, Stream

STREAMS = 100

MAIN = """daemon off;
user {user};
worker_processes 1;
worker_rlimit_nofile 4096;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 2048; }}
http {{
    log_format seen "$server_protocol $connection $status $request_method $uri";
    access_log {folder}/access.log seen;
    {temporary}
    client_max_body_size 64m;
    server {{
        listen 127.0.0.1:{port} ssl http2 backlog=1024;
        ssl_certificate {certificate}/fullchain.pem;
        ssl_certificate_key {certificate}/privkey.pem;
        location / {{
            proxy_pass {upstream};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 300s;
        }}
    }}
}}
"""


class Front(programs.Program):
    """nginx in front of the simulator."""

    def __init__(self, folder, certificate, upstream):
        folder.mkdir(parents=True)
        self.folder, self.port = folder, programs.free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        text = MAIN.format(user=getpass.getuser(), folder=folder, temporary=temporary(folder), port=self.port, certificate=certificate, upstream=upstream)
        (folder / "nginx.conf").write_text(text)
        super().__init__(folder, "nginx", ["nginx", "-e", folder / "error.log", "-p", folder, "-c", folder / "nginx.conf"])
        wait_until(self._listens, "nginx")

    def _listens(self):
        assert self.running, f"nginx ended at once\n{self.err}{self.errors}"
        try:
            Connection(self.port).socket.close()
            return True
        except ConnectionRefusedError:
            return False

    @property
    def errors(self):
        return (self.folder / "error.log").read_text(errors="replace")

    def seen(self, uri):
        """(protocol, connection) of each request to `uri`."""
        lines = (line.split() for line in (self.folder / "access.log").read_text().splitlines())
        return [(line[0], line[1]) for line in lines if line[4] == uri]


@pytest.fixture(params=["1.1", "2"])
def version(request):
    return request.param


@pytest.fixture
def front(certificate, simulator, tmp_path):
    front = Front(tmp_path / "front", certificate, simulator.url)
    yield front
    front.stop(signal.SIGTERM)
    assert "[emerg]" not in front.errors, front.errors[-4000:]


@pytest.fixture
def gateway(front, start_gateway, certificate, version):
    upstream = {"base_url": front.url, "http_version": version, "ca_file": str(certificate / "fullchain.pem")}
    return start_gateway(upstream=upstream)


def in_flight(simulator):
    return simulator.get("/_stats")["completions"]["in_flight"]


def ask_all(gateway, count, text):
    async def one():
        client = Client(gateway.port, API_KEY)
        try:
            return await client.ask(MODEL, text)
        finally:
            client.close()

    async def run():
        return await asyncio.wait_for(asyncio.gather(*(one() for _ in range(count))), 120)

    return asyncio.run(run())


def is_whole(answer, count):
    return answer.error is None and answer.done and answer.finish_reasons == ["stop"] and numbers(answer.text) == list(range(count))


def test_pieces_come_one_by_one(gateway, front, version):
    with Connection(gateway.port) as connection:
        connection.post(PATH, API_KEY, body("@pace 30 @say 100", stream=True))
        reads = list(connection.reads(connection.head()))
    # Never two in one, unless the machine has no time: what is held back comes at once.
    assert len([read for read in reads if b"t=" in read.payload]) >= 10
    assert numbers(Stream.parse(b"".join(read.payload for read in reads)).text()) == list(range(100))
    wait_until(lambda: front.seen("/api/chat/completions"), "nginx's log")
    assert {protocol for protocol, _ in front.seen("/api/chat/completions")} == {{"1.1": "HTTP/1.1", "2": "HTTP/2.0"}[version]}


def test_a_hundred_streams_at_once(gateway, front, simulator, version):
    answers = ask_all(gateway, STREAMS, "@pace 400 @say 20")
    assert all(is_whole(answer, 20) for answer in answers), [answer for answer in answers if not is_whole(answer, 20)][:3]
    wait_until(lambda: len(front.seen("/api/chat/completions")) == STREAMS, "nginx's log")
    # Each stream has a connection of its own, so that none can hold up another.
    assert len({connection for _, connection in front.seen("/api/chat/completions")}) >= STREAMS * 0.9


def test_a_slow_reader_holds_up_nobody_else(gateway, simulator):
    before = gateway.memory()
    with Connection(gateway.port, receive_buffer=4096) as slow:
        slow.post(PATH, API_KEY, body("@say 30000 1000", stream=True))
        assert slow.head().status == 200
        time.sleep(0.5)
        answers = ask_all(gateway, 30, "@pace 20 @say 20")
        assert all(is_whole(answer, 20) for answer in answers), [answer for answer in answers if not is_whole(answer, 20)][:3]
        # It still waits, and what it does not take waits with the upstream, not here.
        assert in_flight(simulator) == 1
        assert gateway.memory() - before < 12 << 20
    wait_until(lambda: in_flight(simulator) == 0, "the end of what nobody reads")


def test_a_slow_reader_gets_everything(gateway):
    with Connection(gateway.port, receive_buffer=4096, timeout=60) as slow:
        slow.post(PATH, API_KEY, body("@say 5000 1000", stream=True))
        response = slow.head()
        reads = slow.reads(response)
        payload = next(reads).payload
        time.sleep(0.5)
        payload += b"".join(read.payload for read in reads)
    parsed = Stream.parse(payload)
    assert parsed.done and len(parsed.chunks) >= 5000 and not parsed.errors


def test_a_client_that_leaves_ends_its_stream_upstream(gateway, simulator):
    connections = []
    for _ in range(10):
        connection = Connection(gateway.port)
        connection.post(PATH, API_KEY, body("@pace 20 @say 100000", stream=True))
        assert connection.head().status == 200
        connections.append(connection)
    assert in_flight(simulator) == 10
    for connection in connections:
        connection.socket.close()
    wait_until(lambda: in_flight(simulator) == 0, "the streams' end upstream")
    assert is_whole(ask_all(gateway, 1, "@say 3")[0], 3)


def test_the_upstream_reloads(gateway, front):
    """Its old processes finish what they began, and close their idle connections."""
    with Connection(gateway.port) as long:
        long.post(PATH, API_KEY, body("@pace 20 @say 150", stream=True))
        assert long.head().status == 200
        outcomes = []
        for _ in range(4):
            front.process.send_signal(signal.SIGHUP)
            for _ in range(15):
                response, parsed, _ = stream(gateway, "@say 3")
                outcomes.append(parsed is not None and parsed.done and numbers(parsed.text()) == [0, 1, 2])
                # One that was on its way as the connection closed may have arrived: it is not sent again.
                assert outcomes[-1] or response.json()["error"]["code"] == "upstream_failed", response.body
        payload = b"".join(read.payload for read in long.reads(Response(200, "", [("transfer-encoding", "chunked")])))
    assert payload.endswith(b"data: [DONE]\n\n")
    assert outcomes.count(False) <= 3, outcomes


def test_the_upstream_goes_away_and_comes_back(gateway, front, simulator, certificate, tmp_path):
    with Connection(gateway.port) as connection:
        connection.post(PATH, API_KEY, body("@pace 20 @say 100000", stream=True))
        response = connection.head()
        reads = connection.reads(response)
        payload = next(reads).payload
        front.stop(signal.SIGTERM)
        payload += b"".join(read.payload for read in reads)
    parsed = Stream.parse(payload)
    assert [error["code"] for error in parsed.errors] == ["upstream_failed"] and not parsed.done and not parsed.finish_reasons
    response, _, _ = stream(gateway, "@say 3")
    assert (response.status, response.json()["error"]["code"]) in [(502, "upstream_unreachable"), (502, "upstream_unavailable")], response.body

"""The upstream over TLS: connections that libcurl makes and encrypts, HTTP/1.1 that the gateway speaks on them."""

import asyncio
import ssl
import subprocess
import threading

import pytest

from chat import PATH, body, numbers, post, stream
from programs import wait_until
from rawhttp import Connection, Stream


class Tunnel:
    """Ends TLS in front of a port, with a certificate for 127.0.0.1 from an authority of its own."""

    def __init__(self, folder, port):
        self.authority = folder / "ca.pem"
        self._certify(folder)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self._target, self.accepted, self.resumed = port, 0, 0
        self._open = set()
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(10)

    @staticmethod
    def _certify(folder):
        def openssl(*arguments):
            subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

        authority = ["-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", folder / "ca.key", "-out", folder / "ca.pem"]
        openssl("req", "-newkey", "rsa:2048", "-nodes", *authority)
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=upstream", "-keyout", folder / "server.key", "-out", folder / "csr")
        (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
        issuer = ["-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", "2"]
        openssl("x509", "-req", "-in", folder / "csr", *issuer, "-extfile", folder / "names", "-out", folder / "server.pem")

    def _run(self, started):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context))
        self.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        started.set()
        self._loop.run_forever()

    async def _serve(self, reader, writer):
        self.accepted += 1
        self.resumed += writer.get_extra_info("ssl_object").session_reused
        self._open.add(writer)
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._target)

        async def pump(source, target):
            try:
                while data := await source.read(65536):
                    target.write(data)
                    await target.drain()
            except OSError:
                pass
            target.close()

        await asyncio.gather(pump(reader, upstream_writer), pump(upstream_reader, writer))
        self._open.discard(writer)

    def cut(self):
        """Every connection ends at once, without a word of TLS. Returns when all that were there are gone."""
        ending = set(self._open)
        self._loop.call_soon_threadsafe(lambda: [writer.transport.abort() for writer in ending])
        wait_until(lambda: not ending & self._open, "the connections' end")

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


@pytest.fixture(scope="module")
def tunnel(simulator, tmp_path_factory):
    tunnel = Tunnel(tmp_path_factory.mktemp("tls"), int(simulator.url.rsplit(":", 1)[1].rstrip("/")))
    yield tunnel
    tunnel.close()


@pytest.fixture
def gateway(start_gateway, tunnel):
    # Each loop has connections of its own; here they are counted.
    upstream = {"base_url": tunnel.url, "ca_file": str(tunnel.authority)}
    return start_gateway(upstream=upstream, pool={"max_concurrency": 300}, workers=1)


def test_streams_and_reuse(gateway, tunnel):
    stream(gateway, "@say 5")
    before = tunnel.accepted
    for _ in range(10):
        assert numbers(stream(gateway, "@say 50")[1].text()) == list(range(50))
    # Prepared sessions are made on the side; the rounds themselves need no further connection each.
    assert tunnel.accepted <= before + 4


def test_many_streams_at_once(gateway):
    connections = [Connection(gateway.port) for _ in range(280)]
    for connection in connections:
        connection.post(PATH, gateway.key, body("@pace 20 @say 30", stream=True))
    for connection in connections:
        assert numbers(Stream.parse(connection.response().body).text()) == list(range(30))
        connection.socket.close()


def test_a_long_message(gateway):
    """Megabytes are sent in pieces, as the connection takes them."""
    text = "0123456789abcdef" * 300_000
    response = post(gateway, f"@memory {text}")
    assert response.status == 200
    assert text[:1000].encode() in response.body


def test_a_slow_reader_gets_everything(gateway, simulator):
    """What the TLS library has decrypted already is not forgotten when the reading goes on."""
    count = 30_000
    with Connection(gateway.port, receive_buffer=65536) as connection:
        connection.post(PATH, gateway.key, body(f"@fault no-object @say {count}", stream=True))
        response = connection.head()
        # Others are served while this one is paused.
        assert numbers(stream(gateway, "@say 100")[1].text()) == list(range(100))
        text = b"".join(read.payload for read in connection.reads(response))
    assert numbers(Stream.parse(text).text()) == list(range(count))


def test_connections_that_died_idle_are_not_used(gateway, tunnel):
    stream(gateway, "@say 5")
    before = tunnel.accepted
    tunnel.cut()
    assert numbers(stream(gateway, "@say 50")[1].text()) == list(range(50))
    assert tunnel.accepted > before
    assert tunnel.resumed > 0, "no TLS session was taken up again"


def test_a_cut_stream_is_an_error(gateway, tunnel):
    """An end without TLS's own farewell may be anybody's doing."""
    with Connection(gateway.port) as connection:
        connection.post(PATH, gateway.key, body("@pace 20 @say 10000", stream=True))
        response = connection.head()
        reads = connection.reads(response)
        data = next(reads).payload
        tunnel.cut()
        data += b"".join(read.payload for read in reads)
    parsed = Stream.parse(data)
    assert parsed.errors and not parsed.done


def test_an_unknown_authority_is_refused(start_gateway, tunnel):
    gateway = start_gateway(ready=False, upstream={"base_url": tunnel.url})
    response = post(gateway, "@say 5")
    assert response.status in (502, 503)
    wait_until(lambda: "CURLE_PEER_FAILED_VERIFICATION" in gateway.err, "the line of the failed attempt")

"""Connection limits, clocks and who the client is, as they look from outside."""

import json
import os
import signal
import socket
import subprocess
import time

import openai_schemas
import programs
import pytest
from chat import PATH, body
from programs import wait_until
from rawhttp import Connection
from test_access_line import lines

# The clock under test is short, all others long.
LONG = 600_000


def clocks(**short):
    names = ["header_timeout_ms", "keep_alive_timeout_ms", "write_timeout_ms", "body_timeout_ms", "linger_timeout_ms"]
    return {**dict.fromkeys(names, LONG), **short}


def refused(connection):
    response = connection.response()
    assert response.status == 503 and response.json()["error"]["code"] == "too_many_connections", response.body
    assert int(response.header("retry-after")) >= 1 and response.header("connection") == "close"
    openai_schemas.check_error(response.json())
    assert connection.closed()
    return response


# ---- connections ----
def test_connections_of_one_address(start_gateway):
    gateway = start_gateway(limits={"max_connections_per_address": 2})
    wait_until(lambda: served(gateway), "the probes' connections to go")
    with Connection(gateway.port) as first, Connection(gateway.port) as second:
        for connection in (first, second):
            assert connection.request("GET", "/health").response().status == 200
        with Connection(gateway.port) as third:
            assert "max_connections_per_address" in refused(third).json()["error"]["message"]
        # The two go on.
        assert first.request("GET", "/health").response().status == 200
    wait_until(lambda: served(gateway), "a free place")


def served(gateway):
    """Whether two connections at once are served."""
    with Connection(gateway.port) as first, Connection(gateway.port) as second:
        return all(connection.request("GET", "/health").response().status == 200 for connection in (first, second))


def test_a_trusted_proxy_may_have_more(start_gateway):
    gateway = start_gateway(limits={"max_connections_per_address": 1, "max_connections": 6}, trusted_proxies=["127.0.0.0/8"])
    held = [Connection(gateway.port) for _ in range(6)]
    try:
        for connection in held:
            assert connection.request("GET", "/health").response().status == 200
        with Connection(gateway.port) as one_more:
            assert "max_connections)" in refused(one_more).json()["error"]["message"]
    finally:
        for connection in held:
            connection.socket.close()


def test_an_ipv4_client_of_an_ipv6_listener_is_one_address(start_gateway):
    try:
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True).close()
    except (OSError, ValueError):
        pytest.skip("no IPv6 here")
    gateway = start_gateway(host="::", limits={"max_connections_per_address": 1}, log={"format": "json", "level": "info"})
    time.sleep(0.2)
    with Connection(gateway.port) as first:
        assert first.request("GET", "/health").response().status == 200
        with Connection(gateway.port) as second:
            refused(second)
    wait_until(lambda: [line for line in lines(gateway) if line["status"] == 503], "the access line")
    assert {line["client"] for line in lines(gateway)} == {"127.0.0.1"}


def test_every_one_too_many_is_told(start_gateway):
    """More of them than are closed in an orderly way at once, none left hanging."""
    gateway = start_gateway(limits=clocks(max_connections=2))
    time.sleep(0.2)
    held = [Connection(gateway.port) for _ in range(2)]
    flood = []
    try:
        for connection in held:
            assert connection.request("GET", "/health").response().status == 200
        flood = [Connection(gateway.port) for _ in range(400)]
        for connection in flood:
            refused(connection)
    finally:
        for connection in held + flood:
            connection.socket.close()
    wait_until(lambda: served(gateway), "free places")


# ---- who the client is ----
@pytest.mark.parametrize(
    "trusted, headers, client",
    [
        ([], ["192.0.2.1"], "127.0.0.1"),
        (["10.0.0.0/8"], ["192.0.2.1"], "127.0.0.1"),
        (["127.0.0.1"], ["192.0.2.1"], "192.0.2.1"),
        (["127.0.0.0/8", "10.0.0.0/8"], ["198.51.100.7, 192.0.2.1, 10.0.0.1"], "192.0.2.1"),
        (["127.0.0.1"], ["198.51.100.7", "2001:DB8::0:7"], "2001:db8::7"),
        (["127.0.0.1"], ["192.0.2.1 level=critical msg=pwned"], "127.0.0.1"),
        (["127.0.0.1"], ["\x1b[31m", '","client":"198.51.100.7', "ä"], "127.0.0.1"),
    ],
)
def test_the_clients_address(start_gateway, trusted, headers, client):
    gateway = start_gateway(trusted_proxies=trusted, log={"format": "json", "level": "info"})
    with Connection(gateway.port) as connection:
        forwarded = [("X-Forwarded-For", value.encode().decode("latin-1")) for value in headers]
        refused_by_parser = any("\x1b" in value for value in headers)
        response = connection.request("GET", "/health", [("X-Request-Id", "who-asks"), *forwarded]).response()
        assert response.status == (400 if refused_by_parser else 200)

    def own():
        return [line for line in lines(gateway) if line["request_id"] == "who-asks" or (refused_by_parser and line["status"] == 400)]

    wait_until(own, "the access line")
    (line,) = own()
    assert line["client"] == client


def test_refused_requests_name_their_client(start_gateway):
    gateway = start_gateway(log={"format": "json", "level": "info"})
    with Connection(gateway.port) as connection:
        connection.send(b"GARBAGE\r\n\r\n")
        assert connection.response().status == 400
    wait_until(lambda: [line for line in lines(gateway) if line["status"] == 400], "the access line")
    assert [line["client"] for line in lines(gateway) if line["status"] == 400] == ["127.0.0.1"]


# ---- clocks ----
def timed_out(connection):
    response = connection.response()
    assert (response.status, response.json()["error"]["code"]) == (408, "request_timeout")
    openai_schemas.check_error(response.json())
    assert connection.closed()


def test_a_silent_connection(start_gateway):
    gateway = start_gateway(limits=clocks(header_timeout_ms=300))
    with Connection(gateway.port) as connection:
        assert connection.closed()


def test_a_head_byte_by_byte(start_gateway):
    """The clock runs from the head's first byte, however many come."""
    gateway = start_gateway(limits=clocks(header_timeout_ms=500))
    with Connection(gateway.port) as connection:
        connection.socket.settimeout(0.02)
        connection.send(b"GET /health HTTP/1.1\r\nHost: a\r\nX: ")
        for _ in range(1000):
            connection.send(b"y")
            try:
                connection.buffer = connection.socket.recv(65536)
                break
            except TimeoutError:
                continue
        connection.socket.settimeout(20)
        timed_out(connection)


def test_the_second_head_has_the_same_clock(start_gateway):
    gateway = start_gateway(limits=clocks(header_timeout_ms=300))
    with Connection(gateway.port) as connection:
        assert connection.request("GET", "/health").response().status == 200
        connection.send(b"GET /he")
        timed_out(connection)


def test_an_idle_connection(start_gateway):
    gateway = start_gateway(limits=clocks(keep_alive_timeout_ms=300))
    with Connection(gateway.port) as connection:
        assert connection.request("GET", "/health").response().status == 200
        assert connection.closed()


def begin_body(gateway, connection, length=100_000):
    connection.send(f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {gateway.key}\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {length}\r\n\r\n".encode())


def test_a_body_that_stands_still(start_gateway):
    gateway = start_gateway(limits=clocks(body_timeout_ms=300, body_min_bytes_per_second=0))
    with Connection(gateway.port) as connection:
        begin_body(gateway, connection)
        connection.send(b"{")
        timed_out(connection)


def test_a_body_that_is_too_slow(start_gateway):
    gateway = start_gateway(limits=clocks(body_window_ms=500, body_min_bytes_per_second=1000))
    with Connection(gateway.port) as connection:
        connection.socket.settimeout(0.05)
        begin_body(gateway, connection)
        for _ in range(400):
            connection.send(b" ")
            try:
                connection.buffer = connection.socket.recv(65536)
                break
            except TimeoutError:
                continue
        connection.socket.settimeout(20)
        timed_out(connection)


def test_a_body_that_is_fast_enough(start_gateway):
    gateway = start_gateway(limits=clocks(body_window_ms=2000, body_min_bytes_per_second=10))
    content = json.dumps(body("@echo a")).encode() + b" " * 2000
    with Connection(gateway.port) as connection:
        begin_body(gateway, connection, len(content))
        for start in range(0, len(content), 50):
            connection.send(content[start : start + 50])
            time.sleep(0.1)
        assert connection.response().status == 200


def test_a_client_that_takes_nothing(start_gateway, simulator):
    gateway = start_gateway(limits=clocks(write_timeout_ms=500))
    with Connection(gateway.port, receive_buffer=4096) as connection:
        connection.post(PATH, gateway.key, body("@say 40000 256", stream=True))
        # Cut off, and the upstream's answer with it.
        wait_until(lambda: simulator.counts(gateway.token)["cancelled"] == 1, "the end of the upstream's answer", 60)
        with pytest.raises(ConnectionResetError):
            while connection.socket.recv(65536):
                pass


def test_a_client_that_takes_a_little_stays(start_gateway):
    gateway = start_gateway(limits=clocks(write_timeout_ms=4000))
    with Connection(gateway.port, receive_buffer=4096, timeout=60) as connection:
        connection.post(PATH, gateway.key, body("@say 2000 256", stream=True))
        response = connection.head()
        received, begin = b"", time.monotonic()
        while time.monotonic() < begin + 9:
            received += connection.socket.recv(4096)
            time.sleep(0.05)
        connection.buffer += received
        payload = b"".join(read.payload for read in connection.reads(response))
        assert response.complete and payload.endswith(b"data: [DONE]\n\n")


# ---- greedy bodies ----
@pytest.mark.parametrize("shape", ["[]", '{"a":1}', "1", '"a"'])
def test_a_body_of_tiny_values(gateway, shape):
    """An index over so many values would take ten times the body's memory, and the loop's time."""
    before = gateway.memory()
    content = ('{"model":"m","messages":[],"x":[' + ",".join([shape] * (20_000_000 // (len(shape) + 1))) + "]}").encode()
    with Connection(gateway.port) as connection:
        begin_body(gateway, connection, len(content))
        connection.send(content)
        response = connection.response()
    assert (response.status, response.json()["error"]["code"]) == (400, "invalid_json")
    assert "more than 500000 values" in response.json()["error"]["message"]
    assert gateway.memory() < before + 60_000_000


# ---- lingering close ----
@pytest.mark.parametrize("framing", ["Content-Length: 400000000", "Transfer-Encoding: chunked"])
def test_a_client_that_goes_on_sending_reads_its_error(start_gateway, framing):
    """The whole body is on its way before the first byte of the answer is read."""
    gateway = start_gateway(limits=clocks(max_body_bytes=1024))
    part = b"x" * 60_000 if "Length" in framing else b"EA60\r\n" + b"x" * 60_000 + b"\r\n"
    with Connection(gateway.port) as connection:
        connection.send(f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {gateway.key}\r\n{framing}\r\n\r\n".encode())
        for _ in range(200):
            connection.send(part)
        response = connection.response()
        assert (response.status, response.json()["error"]["code"]) == (413, "payload_too_large")
        assert response.header("connection") == "close" and connection.closed()


def test_who_is_refused_for_its_key_reads_it_too(gateway):
    with Connection(gateway.port) as connection:
        connection.send(f"POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n".encode())
        for _ in range(150):
            connection.send(b"x" * 60_000)
        response = connection.response()
        assert response.status == 401 and response.header("connection") == "close" and connection.closed()


def test_lingering_ends(start_gateway):
    """Who never stops sending is cut off in the end."""
    gateway = start_gateway(limits=clocks(linger_timeout_ms=500))
    with Connection(gateway.port) as connection:
        connection.send(b"GARBAGE\r\n\r\n")
        assert connection.response().status == 400
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            for _ in range(1000):
                connection.send(b"x")
                time.sleep(0.02)


# ---- secrets in files ----
def check(tmp_path, config, mode, environment=None):
    path = tmp_path / "given.json"
    path.write_text(json.dumps(config))
    os.chmod(path, mode)
    result = subprocess.run([programs.GATEWAY, "check-config", "--config", path], env=environment or {}, cwd=tmp_path, capture_output=True,
                            text=True, timeout=20)
    assert result.returncode == 0 and json.loads(result.stdout), result.stderr
    return result.stderr


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
@pytest.mark.parametrize("secret", [{"api_keys": ["sk-file-4711"]}, {"admin_key": "adm-4711"}, {"cookies": [{"authorization": "t-4711"}]}])
def test_secrets_that_others_can_read(tmp_path, mode, secret):
    told = check(tmp_path, secret, mode)
    assert "warning" in told and "given.json" in told and "chmod 600" in told and "4711" not in told
    assert check(tmp_path, secret, 0o600) == ""


def test_a_file_without_secrets_may_be_read(tmp_path):
    assert check(tmp_path, {"port": 8123}, 0o644) == ""
    assert check(tmp_path, {"port": 8123}, 0o644, {"XTGATEWAY_ADMIN_KEY": "adm-4711"}) == ""


def test_a_token_file_that_others_can_read(tmp_path):
    tokens = tmp_path / "tokens.json"
    tokens.write_text("{}")
    config = {"pool": {"token_file": str(tokens)}}
    os.chmod(tokens, 0o644)
    assert "tokens.json" in check(tmp_path, config, 0o644)
    os.chmod(tokens, 0o600)
    assert check(tmp_path, config, 0o644) == ""


def test_the_start_and_a_reload_warn_too(start_gateway):
    gateway = start_gateway()
    path = gateway.err_path.parent / "gateway.json"
    assert "can be read by others" not in gateway.err
    path.chmod(0o644)
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: f"{path} holds secrets and can be read by others" in gateway.err, "the warning")
    gateway.end()
    again = programs.Program(path.parent, "again", [programs.GATEWAY, "serve", "--config", path])
    wait_until(lambda: "can be read by others" in again.err, "the warning at the start")
    assert again.stop() == 0


@pytest.mark.parametrize("entry", ["nginx", "10.0.0.0/33", "10.0.0.1:80", 5])
def test_an_invalid_proxy_is_named(tmp_path, entry):
    path = tmp_path / "given.json"
    path.write_text(json.dumps({"trusted_proxies": ["127.0.0.1", entry]}))
    for command in ["check-config", "serve"]:
        result = subprocess.run([programs.GATEWAY, command, "--config", path], env={}, cwd=tmp_path, capture_output=True, text=True, timeout=20)
        assert result.returncode == 78 and "trusted_proxies[1]" in result.stderr
        assert entry == 5 or entry in result.stderr

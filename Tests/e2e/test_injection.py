"""Nobody writes a header, a log line or a field of either that is not his: line ends and control bytes in everything that comes from outside."""

import json
import re

import httpx
import pytest
from chat import PATH, body
from programs import wait_until
from rawhttp import Connection

# What would be a line, a field, a header or a terminal's command, if anybody let it through.
MARK = "injected-4711"
EVIL = [
    f"\r\nX-Evil: {MARK}",
    f"\n2026-01-01T00:00:00.000Z critical {MARK}",
    f'\n{{"ts":"2026-01-01T00:00:00.000Z","level":"critical","msg":"{MARK}"}}',
    f'","level":"critical","msg":"{MARK}',
    f" level=critical msg={MARK}",
    f"\x1b[2J\x1b[31m{MARK}",
    f"\x00\x07\x08\x7f{MARK}",
    f"\u0085\u2028\u2029\u009b31m{MARK}",
]
# Headers that an answer may have.
HEADERS = {"access-control-allow-origin", "access-control-expose-headers", "access-control-allow-methods", "access-control-allow-headers",
           "access-control-max-age", "allow", "cache-control", "connection", "content-length", "content-type", "date", "retry-after",
           "transfer-encoding", "www-authenticate", "x-accel-buffering", "x-request-id"}
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (trace|debug|info|notice|warning|error|critical) +[^\x00-\x1f\x7f-\x9f\u2028\u2029]*")


@pytest.fixture(params=["text", "json"])
def logged(request, start_gateway, simulator):
    """A gateway, and in the end a look at every line of its log."""
    cookies = [{"authorization": simulator.token(), "name": f"account{EVIL[1]}"}]
    keys = [{"key": "sk-injection-0123456789", "name": f"team{EVIL[0]}"}]
    gateway = start_gateway(cookies=cookies, api_keys=["sk-e2e-5d1c7a", *keys], trusted_proxies=["127.0.0.1"], log={"format": request.param},
                            pool={"cooldown_min_ms": 1, "cooldown_max_ms": 1, "breaker_window_ms": 1}, admin_key="adm-injection-0123456789")
    yield gateway
    with Connection(gateway.port) as connection:
        connection.request("GET", "/health", [("X-Request-Id", "the-last-one")]).response()
    wait_until(lambda: "the-last-one" in gateway.err, "the last access line")
    for line in gateway.err_path.read_bytes().decode().split("\n")[:-1]:
        if request.param == "json":
            value = json.loads(line)
            assert value["level"] != "critical" and MARK not in value["msg"].split(" ")[0]
            assert not re.search(r"[\x00-\x1f]", line), line
        else:
            assert LINE.fullmatch(line), ascii(line)
            assert line.split()[1] != "critical"


def check_head(response):
    names = [name.lower() for name, _ in response.headers]
    assert set(names) <= HEADERS, names
    assert len(set(names)) == len(names), names
    for _, value in response.headers:
        assert not re.search(r"[\x00-\x1f\x7f]", value), value
    return response


def send(gateway, data):
    with Connection(gateway.port) as connection:
        connection.send(data)
        response = check_head(connection.response())
        return response


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("name", ["X-Request-Id", "X-Forwarded-For", "Authorization", "X-Api-Key", "Content-Type", "Host", "Expect", "User-Agent"])
def test_header_values(gateway, name, evil):
    head = f"GET /v1/models HTTP/1.1\r\nHost: a\r\n{name}: a{evil}\r\n\r\n" if name != "Host" else f"GET /health HTTP/1.1\r\nHost: a{evil}\r\n\r\n"
    response = send(gateway, head.encode())
    assert response.header("x-evil") is None and MARK not in (response.header("x-request-id") or "")


@pytest.mark.parametrize("evil", EVIL)
def test_everything_at_once(logged, evil):
    """Model, path, user, content type, the upstream's words, names of accounts and keys."""
    quoted = "".join(f"%{byte:02X}" for byte in evil.encode())
    for path in [f"/v1/models/a{quoted}", f"/{quoted}", f"/admin/accounts/{quoted}/enable", f"/health?{quoted}"]:
        send(logged, f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {logged.key}\r\nX-Request-Id: a{quoted}\r\n\r\n".encode())
    for value in [body("@echo a", model=f"gpt{evil}"), body("@echo a", user=evil), body("@echo a", **{f"odd{evil}": 1}),
                  {"model": "m", "messages": [{"role": evil, "content": "a"}]}, body("@echo a", stop=[evil]),
                  body("@echo a", response_format={"type": evil}), {"messages": evil, "model": evil}]:
        with Connection(logged.port) as connection:
            check_head(connection.post(PATH, logged.key, value, [("X-Forwarded-For", "a b c")]).response())
    for fault in ["error-first", "envelope=500", "envelope=401"]:
        for stream in (False, True):
            with Connection(logged.port) as connection:
                text = f"@fault {fault}{'=' if fault == 'error-first' else ':'}{quoted}"
                response = check_head(connection.post(PATH, logged.key, body(text, stream=stream)).response())
            assert response.status >= 400
            json.loads(response.body)
            httpx.post(f"{logged.url}/admin/accounts/account%0A2026-01-01T00%3A00%3A00.000Z%20critical%20{MARK}/reset",
                       headers={"Authorization": "Bearer adm-injection-0123456789"})
    with Connection(logged.port) as connection:
        check_head(connection.post(PATH, "sk-injection-0123456789", body("@echo a")).response())
    with Connection(logged.port) as connection:
        # In a stream the words of the upstream are one event of one line.
        response = connection.post(PATH, logged.key, body(f"@fault error-after=1:{quoted}", stream=True)).response()
    events = response.body.decode().split("\n\n")
    assert all(event == "" or ("\n" not in event and "\r" not in event and event.startswith((":", "data: "))) for event in events)


@pytest.mark.parametrize("name", ["a" * 1_000_000, "\u0001" * 100_000, "é" * 100_000])
def test_a_log_line_has_an_end(start_gateway, name):
    """A model's name is the client's own choice; what is logged and answered of it is short."""
    gateway = start_gateway()
    with Connection(gateway.port) as connection:
        response = connection.post(PATH, gateway.key, body("@echo a", model=name), [("X-Request-Id", "long-name")]).response()
    assert response.status == 404 and len(response.body) < 4000
    wait_until(lambda: "long-name" in gateway.err, "the access line")
    assert max(len(line) for line in gateway.err.splitlines()) < 4000

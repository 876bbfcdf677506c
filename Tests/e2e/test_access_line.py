"""One access line a request, whoever ended it."""

import json

from chat import MODEL, PATH, body
from programs import API_KEY, wait_until
from rawhttp import Connection


def lines(gateway):
    # The last one may be half written.
    found = [json.loads(line) for line in gateway.err.rpartition("\n")[0].splitlines() if line.startswith("{")]
    return [line for line in found if line["msg"] == "request"]


def test_a_refused_request_hides_no_other(start_gateway):
    gateway = start_gateway(log={"format": "json"}, limits={"max_body_bytes": 1024})
    with Connection(gateway.port) as connection:
        connection.socket.sendall(b"GET /health HTTP/1.1\r\nbad header\r\n\r\n")
        assert connection.response().status == 400
    with Connection(gateway.port) as connection:
        connection.post(PATH, gateway.key, body("@pace 50 @say 100000", stream=True))
        connection.head()
    wait_until(lambda: [line for line in lines(gateway) if line["status"] == 499], "the line of a client that left")
    before = len(lines(gateway))
    with Connection(gateway.port) as connection:
        connection.post(PATH, gateway.key, body("x" * 2000))
        assert connection.response().status == 413
    wait_until(lambda: len(lines(gateway)) > before, "the line of a refused body")
    assert [line["status"] for line in lines(gateway)[before:]] == [413]


def sent(gateway, request):
    """Everything that the gateway sends until it closes the connection."""
    with Connection(gateway.port) as connection:
        connection.socket.sendall(request)
        received = b""
        while piece := connection.socket.recv(65536):
            received += piece
    return received


def request(gateway, method, path, content=b"", headers=""):
    authorization = f"Authorization: Bearer {gateway.key}\r\n" if gateway.key else ""
    length = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n" if content else ""
    return f"{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{authorization}{length}{headers}\r\n".encode() + content


def chat(question, **more):
    return json.dumps(body(question, **more)).encode()


FIELDS = [
    "ts", "level", "msg", "request_id", "key", "model", "account", "method", "route", "status", "stream", "blame", "attempts", "ttft_ms",
    "duration_ms", "pieces", "prompt_tokens", "completion_tokens", "bytes", "client", "error",
]
ANSWERED = {"key": "team", "model": MODEL, "account": "cookie-1", "attempts": 1, "client": "127.0.0.1", "route": PATH}
REFUSED = {"model": None, "account": None, "stream": None, "attempts": None, "ttft_ms": None, "pieces": None, "client": "127.0.0.1"}


def test_every_field_of_every_kind_of_request(start_gateway):
    """One line each, with every field of the contract, and exactly the bytes that the client got."""
    gateway = start_gateway(log={"format": "json"}, api_keys=[{"key": API_KEY, "name": "team"}], limits={"max_body_bytes": 4096})
    anonymous = b"GET /v1/models HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    cases = [
        (request(gateway, "GET", "/health"), {"route": "/health", "status": 200, "key": None, "error": None, **REFUSED}),
        (request(gateway, "HEAD", "/health"), {"route": "/health", "method": "HEAD", "status": 200}),
        (request(gateway, "GET", "/v1/models"), {"route": "/v1/models", "status": 200, "key": "team", **REFUSED}),
        (request(gateway, "GET", "/v1/models", headers="X-Request-Id: mine.1\r\n"), {"request_id": "mine.1", "status": 200}),
        (request(gateway, "OPTIONS", PATH), {"method": "OPTIONS", "route": PATH, "status": 204, "error": None}),
        (request(gateway, "DELETE", PATH), {"method": "DELETE", "status": 405, "error": "method_not_allowed", "blame": "client"}),
        (request(gateway, "GET", "/nowhere"), {"route": "other", "status": 404, "error": "unknown_url", **REFUSED}),
        (anonymous, {"status": 401, "key": None, "error": "invalid_api_key"}),
        (request(gateway, "POST", PATH, chat("@echo abc")),
         {**ANSWERED, "status": 200, "stream": False, "error": None, "blame": None}),
        (request(gateway, "POST", PATH, chat("@say 5", stream=True)),
         {**ANSWERED, "status": 200, "stream": True, "pieces": 5, "error": None}),
        (request(gateway, "POST", PATH, chat("@say 9 @fault error-after=3:broken", stream=True)),
         {**ANSWERED, "status": 200, "stream": True, "pieces": 3, "error": "upstream_failed", "blame": "upstream"}),
        (request(gateway, "POST", PATH, chat("@fault empty", stream=True)),
         {**ANSWERED, "status": 502, "stream": True, "pieces": None, "error": "upstream_empty", "blame": "upstream"}),
        (request(gateway, "POST", PATH, b"{"), {"key": "team", "status": 400, "error": "invalid_json", "blame": "client", **REFUSED}),
        (request(gateway, "POST", PATH, b"x" * 5000),
         {"key": "team", "route": PATH, "status": 413, "error": "payload_too_large", "blame": "client", **REFUSED}),
        (request(gateway, "GET", "/" + "x" * 9000), {"method": "", "route": "other", "status": 414, "client": "127.0.0.1"}),
        (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", {"status": 400, "error": "bad_request", "blame": "client", **REFUSED}),
    ]
    sent(gateway, request(gateway, "GET", "/health", headers="X-Request-Id: settled\r\n"))
    wait_until(lambda: any(line["request_id"] == "settled" for line in lines(gateway)), "the lines of all that was before")
    for content, expected in cases:
        before = len(lines(gateway))
        received = sent(gateway, content)
        wait_until(lambda: len(lines(gateway)) > before, f"the line of {content[:60]}")
        (line,) = lines(gateway)[before:]
        assert list(line) == FIELDS
        for field, value in expected.items():
            assert line[field] == value, (field, line)
        assert line["bytes"] == len(received), line
        assert isinstance(line["duration_ms"], int) and line["duration_ms"] >= 0
        assert line["request_id"] and line["request_id"].encode() in received
        if line["pieces"]:
            assert 0 <= line["ttft_ms"] <= line["duration_ms"]
        if line["status"] == 200 and line["account"] and line["error"] is None:
            assert line["prompt_tokens"] > 0 and line["completion_tokens"] > 0
        else:
            assert line["prompt_tokens"] is None and line["completion_tokens"] is None


def test_an_abandoned_stream(start_gateway):
    gateway = start_gateway(log={"format": "json"})
    with Connection(gateway.port) as connection:
        connection.post(PATH, gateway.key, body("@pace 20 @say 100000", stream=True))
        received = connection.socket.recv(65536)
        while received.count(b"data:") < 3:
            received += connection.socket.recv(65536)
    (line,) = wait_until(lambda: [line for line in lines(gateway) if line["status"] == 499], "the line of a client that left")
    assert (line["error"], line["blame"], line["stream"], line["account"]) == ("client_closed", "client", True, "cookie-1")
    assert line["pieces"] >= 2 and line["ttft_ms"] is not None and line["prompt_tokens"] is None
    # What the socket took may be more than what the client read.
    assert line["bytes"] >= len(received)

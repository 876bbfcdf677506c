"""The HTTP surface: routes, methods, CORS, request ids, health."""

import re

import httpx
import openai_schemas
import pytest
from chat import MODEL, PATH, body
from programs import wait_until
from rawhttp import Connection

ORIGIN = ("Origin", "https://example.com")


def call(gateway, method, path, *headers, value=None):
    with Connection(gateway.port) as connection:
        if value is not None:
            return connection.post(path, gateway.key, value, headers).response()
        return connection.request(method, path, [("Authorization", f"Bearer {gateway.key}"), *headers]).response(method)


def test_health_needs_no_key(gateway):
    with Connection(gateway.port) as connection:
        response = connection.request("GET", "/health").response()
    assert response.status == 200
    value = response.json()
    assert value["status"] == "healthy" and value["cookie_pool_size"] == 1
    assert set(value["cookies"]) == {"ready", "busy", "cooling", "expired", "disabled"}
    for name in ["sessions", "in_flight", "queued", "uptime_seconds"]:
        assert value[name] >= 0
    assert re.match(r"\d+\.\d+\.\d+", value["version"])
    assert response.header("content-type").startswith("application/json")


def test_head_has_the_headers_of_get_and_no_body(gateway):
    with Connection(gateway.port) as connection:
        head = connection.request("HEAD", "/health").response("HEAD")
        # What follows on the connection is the next answer, so there was no body.
        assert connection.request("GET", "/health").response().status == 200
    assert head.status == 200 and int(head.header("content-length")) > 0


@pytest.mark.parametrize("path", ["/chat/completions", "/v1/chat/completions"])
def test_paths_with_and_without_v1(gateway, path):
    response = call(gateway, "POST", path, value=body("@echo fine"))
    assert response.status == 200 and response.json()["choices"][0]["message"]["content"] == "fine"
    openai_schemas.check_completion(response.json())
    assert call(gateway, "GET", path.replace("chat/completions", "models")).json()["object"] == "list"
    assert call(gateway, "GET", path.replace("chat/completions", f"models/{MODEL}")).json()["id"] == MODEL


def test_a_query_does_not_matter(gateway):
    assert call(gateway, "GET", "/v1/models?limit=3&after=x").status == 200
    assert call(gateway, "POST", PATH + "?api-version=2024-02-01", value=body("@echo a")).status == 200


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v1/embeddings", "/v1/chat", "/v2/models", "/healthz", "/v1/chat/completions/x",
                                  "/admin", "/admin/accounts", "/%2e%2e/etc/passwd"])
def test_unknown_paths(gateway, path):
    response = call(gateway, "GET", path)
    assert response.status == 404, response.body
    openai_schemas.check_error(response.json())
    assert response.json()["error"]["code"] == "unknown_url"
    assert response.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "method, path, allowed",
    [
        ("GET", PATH, {"POST"}),
        ("DELETE", PATH, {"POST"}),
        ("POST", "/v1/models", {"GET"}),
        ("PUT", f"/v1/models/{MODEL}", {"GET"}),
        ("POST", "/health", {"GET"}),
        ("BREW", "/v1/models", {"GET"}),
    ],
)
def test_wrong_methods(gateway, method, path, allowed):
    response = call(gateway, method, path)
    assert response.status == 405, response.body
    assert allowed <= {name.strip() for name in response.header("allow").split(",")}
    openai_schemas.check_error(response.json())
    assert response.json()["error"]["code"] == "method_not_allowed"


def test_request_id_is_made(gateway):
    ids = {call(gateway, "GET", "/health").header("x-request-id") for _ in range(5)}
    assert len(ids) == 5 and all(re.fullmatch(r"[A-Za-z0-9._-]{1,128}", id) for id in ids)


@pytest.mark.parametrize("given", ["abc", "A.b_c-1", "x" * 128])
def test_a_good_request_id_is_echoed(gateway, given):
    for path, value in [("/health", None), ("/nowhere", None), (PATH, body("@echo a")), (PATH, body("@say 2", stream=True)), (PATH, {})]:
        response = call(gateway, "GET", path, ("X-Request-Id", given), value=value)
        assert response.header("x-request-id") == given


@pytest.mark.parametrize("given", ["x" * 129, "a b", "a\tb", "ä", 'a"b', "", "a/b"])
def test_any_other_request_id_is_replaced(gateway, given):
    response = call(gateway, "GET", "/health", ("X-Request-Id", given.encode().decode("latin-1")))
    assert response.status == 200
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", response.header("x-request-id"))
    assert response.header("x-request-id") != given


def test_request_id_stands_in_the_log(gateway):
    call(gateway, "POST", PATH, ("X-Request-Id", "find-me-4711"), value=body("@echo a"))
    wait_until(lambda: "find-me-4711" in gateway.err, "the access line")


def test_preflight(gateway):
    with Connection(gateway.port) as connection:
        headers = [ORIGIN, ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "authorization")]
        for path in [PATH, "/v1/models", "/health"]:
            response = connection.request("OPTIONS", path, headers).response()
            assert response.status in (200, 204)
            assert response.header("access-control-allow-origin") == "*"
            allowed = {name.strip().lower() for name in response.header("access-control-allow-headers").split(",")}
            assert {"authorization", "content-type", "x-api-key", "x-request-id"} <= allowed
            assert "POST" in response.header("access-control-allow-methods") or path != PATH
    with Connection(gateway.port) as connection:
        assert connection.request("OPTIONS", "*").response().status == 204


def test_cors_on_every_answer(gateway):
    answers = [
        call(gateway, "GET", "/health", ORIGIN),
        call(gateway, "GET", "/v1/models", ORIGIN),
        call(gateway, "GET", "/nowhere", ORIGIN),
        call(gateway, "POST", PATH, ORIGIN, value=body("@echo a")),
        call(gateway, "POST", PATH, ORIGIN, value={}),
        call(gateway, "GET", PATH, ORIGIN),
    ]
    with Connection(gateway.port) as connection:
        answers.append(connection.request("GET", "/v1/models", [ORIGIN]).response())
    assert [answer.status for answer in answers] == [200, 200, 404, 200, 400, 405, 401]
    for answer in answers:
        assert answer.header("access-control-allow-origin") == "*"


def test_keep_alive_and_pipelining(gateway):
    with Connection(gateway.port) as connection:
        head = f"Host: a\r\nAuthorization: Bearer {gateway.key}\r\n"
        connection.send(f"GET /health HTTP/1.1\r\n{head}\r\nGET /v1/models HTTP/1.1\r\n{head}\r\nGET /nowhere HTTP/1.1\r\n{head}\r\n".encode())
        assert [connection.response().status for _ in range(3)] == [200, 200, 404]
        connection.request("GET", "/health", [("Connection", "close")])
        response = connection.response()
        assert response.header("connection") == "close" and connection.closed()


def test_expect_continue_and_chunked_body(gateway):
    content = b'{"model":"%s","messages":[{"role":"user","content":"@echo a"}]}' % MODEL.encode()
    with Connection(gateway.port) as connection:
        connection.send(
            f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {gateway.key}\r\nExpect: 100-continue\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode())
        assert connection.head().status == 100
        for byte in range(len(content)):
            connection.send(b"1\r\n" + content[byte : byte + 1] + b"\r\n")
        connection.send(b"0\r\n\r\n")
        response = connection.response()
    assert response.status == 200, response.body


@pytest.mark.parametrize(
    "raw, status",
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\n\r\n", 400),
        (b"GET /health HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET /health HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 70000 + b"\r\n\r\n", 431),
        (b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", 400),
        (b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
        (b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ],
    ids=["garbage", "no-host", "http-2.0", "long-target", "big-header", "signed-length", "two-lengths", "both-lengths", "coding"],
)
def test_malformed_requests(gateway, raw, status):
    with Connection(gateway.port) as connection:
        connection.send(raw)
        response = connection.response()
        assert response.status == status, response.body
        openai_schemas.check_error(response.json())
        assert response.header("x-request-id")
        assert connection.closed()


def test_too_many_connections(start_gateway):
    gateway = start_gateway(limits={"max_connections": 3})
    held = []
    try:
        for _ in range(3):
            connection = Connection(gateway.port)
            assert connection.request("GET", "/health").response().status == 200
            held.append(connection)
        with Connection(gateway.port) as connection:
            response = connection.response()
            assert response.status == 503 and response.json()["error"]["code"] == "too_many_connections"
            assert int(response.header("retry-after")) >= 1
            openai_schemas.check_error(response.json())
            assert connection.closed()
    finally:
        for connection in held:
            connection.socket.close()


def test_slow_heads_and_idle_connections(start_gateway):
    gateway = start_gateway(limits={"header_timeout_ms": 300, "keep_alive_timeout_ms": 300})
    with Connection(gateway.port) as connection:
        connection.send(b"GET /health HTTP/1.1\r\nHost:")
        response = connection.response()
        assert (response.status, response.json()["error"]["code"]) == (408, "request_timeout")
        assert connection.closed()
    with Connection(gateway.port) as connection:
        assert connection.request("GET", "/health").response().status == 200
        assert connection.closed(), "an idle connection is closed without a word"


def test_without_api_keys_nobody_needs_one(start_gateway):
    gateway = start_gateway(api_keys=[])
    assert httpx.get(gateway.url + "/v1/models").status_code == 200
    assert httpx.get(gateway.url + "/v1/models", headers={"Authorization": "Bearer anything"}).status_code == 200

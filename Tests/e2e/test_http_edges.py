"""Corners of HTTP/1.1 at the real program: what comes behind an error, who is told to continue, what HEAD and 405 say."""

import email.utils
import re
import time

import openai_schemas
import pytest
from chat import PATH, body
from rawhttp import Connection

ADMIN = "adm-edges-0123456789"
METRICS = "met-edges-0123456789"
ROUTES = {"/health": "GET", "/v1/models": "GET", "/models": "GET", "/v1/models/x": "GET", PATH: "POST", "/chat/completions": "POST",
          "/admin/accounts": "GET", "/admin/sessions": "GET", "/admin/accounts/x/enable": "POST", "/metrics": "GET"}


@pytest.fixture(scope="module")
def operated(simulator, tmp_path_factory):
    import programs
    from conftest import configuration, secrets

    config = configuration(simulator, admin_key=ADMIN, metrics={"key": METRICS})
    program = programs.Gateway(tmp_path_factory.mktemp("edges"), config, secrets=[*secrets(config), ADMIN, METRICS])
    yield program.await_health().await_models()
    program.end()


def raw(gateway, data):
    """Every answer on one connection, up to its end: [(status, head)]."""
    with Connection(gateway.port) as connection:
        connection.send(data)
        return answers(connection)


def answers(connection):
    text = connection.buffer
    while part := receive(connection):
        text += part
    found = re.findall(rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n(.*?)\r\n\r\n", text, re.DOTALL)
    return [(int(status), head.decode().lower()) for status, head in found]


def receive(connection):
    try:
        return connection.socket.recv(65536)
    except ConnectionResetError:
        return b""


# ---- 100 Continue ----
@pytest.mark.parametrize(
    "head, status",
    [
        (f"POST {PATH} HTTP/1.1\r\nHost: a\r\n", 401),
        (f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer wrong\r\n", 401),
        ("POST /nowhere HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer KEY\r\n", 404),
        ("POST /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer KEY\r\n", 405),
        (f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer KEY\r\nContent-Type: text/plain\r\n", 415),
        (f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer KEY\r\nContent-Length: 99999999\r\n", 413),
        (f"POST {PATH} HTTP/1.1\r\nAuthorization: Bearer KEY\r\n", 400),
    ],
)
def test_nobody_is_told_to_continue_into_an_error(gateway, head, status):
    """The error comes first and alone, and ends the connection: whether the body follows nobody can know."""
    length = "" if "Content-Length" in head else "Content-Length: 20\r\n"
    (answer,) = raw(gateway, f"{head.replace('KEY', gateway.key)}{length}Expect: 100-continue\r\n\r\n".encode())
    assert answer[0] == status and "connection: close" in answer[1]


def test_an_unknown_expectation(gateway):
    head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {gateway.key}\r\nContent-Length: 2\r\nExpect: tea\r\n\r\n{{}}"
    (answer,) = raw(gateway, head.encode())
    assert answer[0] == 417 and "connection: close" in answer[1]


def test_continue_comes_once_and_the_errors_of_the_body_behind_it(gateway):
    with Connection(gateway.port) as connection:
        connection.send(f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {gateway.key}\r\nContent-Length: 9\r\n"
                        "Expect: 100-continue\r\n\r\n".encode())
        assert connection.head().status == 100
        connection.send(b"not JSON!")
        assert connection.response().status == 400
        # The body was read whole, so the connection is as good as before.
        assert connection.request("GET", "/health").response().status == 200


# ---- behind an error ----
HEALTH = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
BROKEN = [b"BROKEN\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
          b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", b"POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 3\r\n\r\n"]


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("pace", ["at once", "byte by byte", "after the answer"])
def test_nothing_behind_a_refused_request_is_read(gateway, broken, pace):
    with Connection(gateway.port) as connection:
        connection.send(HEALTH + broken if pace != "at once" else HEALTH + broken + HEALTH * 3)
        if pace == "after the answer":
            while connection.buffer.count(b"HTTP/1.1 ") < 2:
                assert connection._fill()
        try:
            for byte in HEALTH * 3 if pace != "at once" else b"":
                connection.send(bytes([byte]))
        except (ConnectionResetError, BrokenPipeError):
            pass
        found = answers(connection)
        assert [status for status, _ in found][:1] == [200] and len(found) == 2 and found[1][0] >= 400
        assert "connection: close" in found[1][1]


def test_nothing_behind_close_is_read(gateway):
    found = raw(gateway, b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + HEALTH * 3)
    assert [status for status, _ in found] == [200] and "connection: close" in found[0][1]


# ---- HEAD, 405, Date ----
@pytest.mark.parametrize("path", ["/health", "/v1/models", "/nowhere", "/admin/accounts", "/metrics", PATH])
def test_head_is_get_without_its_body(operated, path):
    """Also where the answer is an error."""
    key = {"/admin/accounts": ADMIN, "/metrics": METRICS}.get(path, operated.key)
    headers = [("Authorization", f"Bearer {key}")]
    with Connection(operated.port) as connection:
        head = connection.request("HEAD", path, headers).response("HEAD")
        # The next answer stands right behind the head.
        get = connection.request("GET", path, headers).response()
    assert head.status == get.status == {"/nowhere": 404, PATH: 405}.get(path, 200)
    names = [sorted(name for name, _ in response.headers) for response in (head, get)]
    assert names[0] == names[1] and head.body == b"" and int(head.header("content-length")) > 0


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW", "get"])
def test_other_methods_name_those_allowed(operated, path, method):
    allowed = ROUTES[path]
    if method == allowed:
        return
    with Connection(operated.port) as connection:
        response = connection.request(method, path, [("Authorization", f"Bearer {operated.key}")]).response()
    assert response.status == 405, response.body
    names = {name.strip() for name in response.header("allow").split(",")}
    assert allowed in names and method not in names and "OPTIONS" in names and ("HEAD" in names) == (allowed == "GET")
    openai_schemas.check_error(response.json())


def test_every_answer_has_a_date(gateway):
    with Connection(gateway.port) as connection:
        responses = [connection.request("GET", path).response() for path in ["/health", "/nowhere", "/v1/models"]]
        responses.append(connection.post(PATH, gateway.key, body("@say 2", stream=True)).response())
        connection.send(b"BROKEN\r\n\r\n")
        responses.append(connection.response())
    assert [response.status for response in responses] == [200, 404, 401, 200, 400]
    for response in responses:
        moment = email.utils.parsedate_to_datetime(response.header("date")).timestamp()
        assert abs(moment - time.time()) < 60 and response.header("date").endswith(" GMT")


# ---- HTTP/1.0 and other forms ----
def test_http_1_0(gateway):
    (answer,) = raw(gateway, b"GET /health HTTP/1.0\r\n\r\n")
    assert answer[0] == 200 and "connection: close" in answer[1] and "transfer-encoding" not in answer[1]
    found = raw(gateway, b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /health HTTP/1.0\r\n\r\n")
    assert [status for status, _ in found] == [200, 200] and "connection: keep-alive" in found[0][1]


def test_forms_of_the_target(gateway):
    for target in ["http://other.example/health", "HTTP://a:80/health?x=y", "/health?", "/health?a/../b"]:
        (answer,) = raw(gateway, f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        assert answer[0] == 200, target
    (answer,) = raw(gateway, b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert answer[0] == 204
    for target in ["*", "http://a@b/health", "/health#x", "health", "ftp://a/health", "/h\xe4lth"]:
        (answer,) = raw(gateway, f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode("latin-1"))
        assert answer[0] == 400 and "connection: close" in answer[1], target

"""One access line a request, whoever ended it."""

import json

from chat import PATH, body
from programs import wait_until
from rawhttp import Connection


def lines(gateway):
    found = [json.loads(line) for line in gateway.err.splitlines() if line.startswith("{")]
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

"""What a client sees through nginx: pieces as they come, errors in OpenAI's form, nothing of the inside."""

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import programs
import pytest
from chat import MODEL, PIECE, body, numbers
from rawhttp import Stream

CHAT = "/v1/chat/completions"


def in_flight(simulator):
    return sum(account["in_flight"] for account in simulator.get("/_stats")["accounts"])


@pytest.fixture
def gateway(start_gateway):
    return start_gateway()


@pytest.fixture
def nginx(start_nginx, gateway):
    return start_nginx(gateway)


@pytest.mark.parametrize("http2", [True, False], ids=["HTTP/2", "HTTP/1.1"])
def test_pieces_come_one_by_one(nginx, http2):
    arrivals, text, alone = [], "", 0
    with nginx.client(http2) as client, client.stream("POST", CHAT, json=body("@pace 50 @say 40", stream=True)) as response:
        assert response.http_version == ("HTTP/2" if http2 else "HTTP/1.1") and response.status_code == 200
        assert "content-encoding" not in response.headers
        for data in response.iter_raw():
            arrivals.append((time.time_ns(), data.decode()))
    for stamp, data in arrivals:
        found = PIECE.findall(Stream.parse(data.encode()).text())
        alone += len(found) == 1
        text += "".join(number for _, number in found)
    assert len(text) == 40 * 6
    # A machine that stands still lets some meet; with buffering all would.
    assert alone >= 10, "pieces, made 50 ms apart, came together"
    assert Stream.parse("".join(data for _, data in arrivals).encode()).done


def test_a_piece_does_not_wait_for_the_next(nginx):
    """Each piece is here before the next one is even made."""
    late = 0
    with nginx.client() as client, client.stream("POST", CHAT, json=body("@pace 50 @say 40", stream=True)) as response:
        for data in response.iter_raw():
            now = time.time_ns()
            for stamp, _ in PIECE.findall(Stream.parse(data).text()):
                late += (now - int(stamp)) % 10**16 > 50e6
    # A busy machine may delay some; buffering would delay all of them.
    assert late <= 30


def test_comments_of_silent_streams_pass(start_gateway, start_nginx):
    nginx = start_nginx(start_gateway(stream={"keep_alive_seconds": 1}))
    with nginx.client() as client:
        stream = Stream.parse(client.post(CHAT, json=body("@fault slow-first=2500 @say 2", stream=True)).content)
    assert len(stream.comments) >= 1 and stream.done and numbers(stream.text()) == [0, 1]


def test_the_openai_sdk_works_through_it(nginx):
    with nginx.client() as http, openai.OpenAI(base_url=f"{nginx.url}/v1", api_key=programs.API_KEY, http_client=http, max_retries=0) as sdk:
        assert MODEL in [model.id for model in sdk.models.list()]
        assert sdk.chat.completions.create(**body("@echo through TLS")).choices[0].message.content == "through TLS"
        chunks = list(sdk.chat.completions.create(**body("@echo and in pieces", stream=True)))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "and in pieces"


def access_line(gateway, identifier):
    """The gateway's line of a request; it is written a moment later."""
    def find():
        lines = (json.loads(line) for line in gateway.err.splitlines() if line.startswith("{") and line.endswith("}"))
        return next((line for line in lines if line["msg"] == "request" and line["request_id"] == identifier), None)

    return programs.wait_until(find, f"the access line of {identifier}")


def test_the_request_id_is_the_same_everywhere(nginx, gateway):
    with nginx.client() as client:
        kept = client.get("/v1/models", headers={"x-request-id": "mine-17"})
        replaced = client.get("/v1/models", headers={"x-request-id": "not {one}"})
    assert kept.headers["x-request-id"] == "mine-17"
    assert len(replaced.headers["x-request-id"]) == 32
    for answer in (kept, replaced):
        identifier = answer.headers["x-request-id"]
        # nginx writes its line behind the answer's last byte.
        programs.wait_until(lambda: f'"{identifier}"' in nginx.access_log, "nginx's line")
        assert access_line(gateway, identifier)


def test_the_clients_address_is_handed_on(nginx, gateway):
    with nginx.client() as client:
        client.get("/v1/models", headers={"x-request-id": "claims", "x-forwarded-for": "203.0.113.7"})
    line = access_line(gateway, "claims")
    # Right-most is what nginx saw, which is itself a trusted address here.
    assert line["client"] == "203.0.113.7"


def test_a_client_that_leaves_ends_its_answer(nginx, simulator):
    with nginx.client() as client, client.stream("POST", CHAT, json=body("@pace 20 @say 5000", stream=True)) as response:
        next(response.iter_raw())
    programs.wait_until(lambda: in_flight(simulator) == 0, "the answer's end")


# ---- errors ----
def refused(response, status, code):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["code"] == code


@pytest.mark.parametrize("version", ["--http2", "--http1.1"])
def test_a_body_beyond_the_limit(nginx, tmp_path, version):
    """With curl, since httpx does not look for an answer before it has sent all."""
    shown = subprocess.run([programs.GATEWAY, "check-config"], cwd="/", env={}, capture_output=True, text=True, timeout=20)
    limit = json.loads(shown.stdout)["limits"]["max_body_bytes"]

    def post(size):
        (tmp_path / "body").write_bytes(b" " * size)
        done = subprocess.run(
            ["curl", "-sS", "--cacert", nginx.certificate / "fullchain.pem", version, "-H", "Content-Type: application/json", "-H",
             f"Authorization: Bearer {programs.API_KEY}", "--data-binary", f"@{tmp_path / 'body'}", "-w", "\n%{http_code} %{content_type}",
             nginx.url + CHAT], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        answer, _, rest = done.stdout.rpartition("\n")
        return json.loads(answer)["error"]["code"], rest

    assert post(limit + 1) == ("payload_too_large", "413 application/json")
    # Of just the limit: it reaches the gateway, which finds no JSON in it.
    assert post(limit) == ("invalid_json", "400 application/json")


def test_requests_that_nginx_refuses(nginx):
    with nginx.client(http2=False) as client:
        refused(client.get("/v1/models?" + "x" * 9000), 414, "uri_too_long")
        refused(client.get("/v1/models", headers={"x-large": "x" * 9000}), 431, "request_header_fields_too_large")
    with nginx.client(http2=False, base_url=nginx.url.replace("https", "http")) as client:
        refused(client.get("/v1/models"), 400, "bad_request")


def test_the_gateways_own_errors_pass_unchanged(nginx, gateway):
    with nginx.client() as client:
        through = client.post(CHAT, json=body("@fault content"))
    assert through.status_code == 400 and through.json()["error"]["code"] == "content_rejected"


@pytest.mark.parametrize("path", ["/metrics", "/admin/accounts", "/admin/sessions"])
def test_what_is_the_operators_does_not_pass(nginx, gateway, path):
    with nginx.client() as client:
        refused(client.get(path), 404, "unknown_url")


def test_no_gateway_at_all(nginx, gateway):
    gateway.stop()
    with nginx.client() as client:
        refused(client.post(CHAT, json=body("Hello")), 502, "gateway_unavailable")


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
def test_a_gateway_that_dies_before_its_answer(nginx, gateway, simulator, stream):
    with nginx.client() as client, ThreadPoolExecutor() as threads:
        answer = threads.submit(client.post, CHAT, json=body("@fault slow-first=20000 @say 3", stream=stream))
        programs.wait_until(lambda: in_flight(simulator) == 1, "the request")
        gateway.process.kill()
        refused(answer.result(), 502, "gateway_unavailable")


@pytest.mark.parametrize("http2", [True, False], ids=["HTTP/2", "HTTP/1.1"])
def test_a_gateway_that_dies_within_its_answer(nginx, gateway, http2):
    """The stream is cut, and a client sees that it is: no end of the message, no [DONE]."""
    received = b""
    with nginx.client(http2) as client, client.stream("POST", CHAT, json=body("@pace 20 @say 500", stream=True)) as response:
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            for data in response.iter_raw():
                received += data
                if b"n=000010" in received:
                    gateway.process.kill()
    assert b"n=000010" in received and b"[DONE]" not in received and b"finish_reason\":\"stop" not in received
